"""Idle timeouts of real proxies, seen from either side of them."""
from functools import partial

from rig.cause import Cause, Truth

from .common import adapters, some

IDLE = Truth("proxy_idle_timeout")


def causes(rng):
    for timeout in (5, 10, 30, 60, 75, rng.randrange(11, 45)):
        yield cause(rng, "nginx", timeout)
    for timeout in (8, 50, rng.randrange(9, 40)):
        yield cause(rng, "haproxy", timeout)
    for proxy, timeout in (("nginx", rng.choice([10, 15, 20])), ("haproxy", rng.randrange(6, 25))):
        yield cause(rng, proxy, timeout, traffic=some(rng, 2, 12))
        yield cause(rng, proxy, timeout + 1, role="server")
        yield cause(rng, proxy, timeout + 2, role="server", traffic=some(rng, 2, 8))
    yield cause(rng, "nginx", rng.randrange(8, 20), delay=some(rng, 0.2, 0.5))
    yield cause(rng, "haproxy", rng.randrange(8, 20), delay=some(rng, 0.2, 0.5), heartbeat="60,20",
                traffic=some(rng, 2, 5))
    yield cause(rng, "nginx", rng.randrange(8, 30), heartbeat="45,20")
    # What a default configuration has, in the middle of other traffic before.
    yield cause(rng, "haproxy", 50, traffic=some(rng, 3, 15))
    yield cause(rng, "nginx", 60, traffic=some(rng, 3, 15))
    for timeout in (rng.choice([5, 6, 7]), rng.randrange(10, 14)):
        yield again(rng, rng.choice(["nginx", "haproxy"]), timeout)
    timeout = rng.randrange(6, 25)
    yield Cause(f"nginx behind TLS, {timeout} s, through stunnel on our side", IDLE,
                partial(through_tls, timeout=timeout), timeout + 3,
                ("python", "nginx", "stunnel4", "openssl"))
    timeout, asleep = rng.randrange(15, 30), some(rng, 2, 6)
    yield Cause(f"nginx {timeout} s, and in the beginning of it we slept for {asleep} s", IDLE,
                partial(after_a_nap, timeout=timeout, asleep=asleep), timeout + 2,
                ("python", "nginx"))
    for timeout in (rng.randrange(6, 20), 30):
        yield Cause(f"gorilla's read deadline of {timeout} s", IDLE,
                    partial(deadline, timeout=timeout), timeout + 2, ("gorilla",))


def cause(rng, proxy, timeout, role="client", traffic=0.0, delay=0.0, heartbeat="off"):
    adapter = adapters(rng)
    name = f"{proxy} {timeout} s, our {role}"
    name += f", after {traffic} s of traffic" if traffic else ", without traffic"
    name += f", over a path with {delay} s each way" if delay else ""
    name += "" if heartbeat == "off" else f", with a heartbeat of {heartbeat}"
    return Cause(name, IDLE,
                 partial(idle, proxy=proxy, timeout=timeout, role=role, traffic=traffic,
                         delay=delay, heartbeat=heartbeat, adapter=adapter),
                 timeout + traffic + 3, ("python", proxy), short=timeout + traffic < 20)


def idle(stage, proxy, timeout, role, traffic, delay, heartbeat, adapter):
    setting = {"nginx": "read", "haproxy": "tunnel"}[proxy]
    ours = dict(heartbeat=heartbeat, adapter=adapter)
    if traffic:
        ours["every"] = f"0.5:30:{traffic}"
    if role == "server":
        # The client answers what we say, so that both directions are in use for as long.
        witness = stage.server(**ours)
        front = getattr(stage, proxy)(witness.address, **{setting: timeout})
        stage.peer("websockets", "client", f"ws://{front.address}/")
    else:
        server = stage.peer("websockets")
        front = getattr(stage, proxy)(server.address, **{setting: timeout})
        address = stage.relay(front.address, delay=delay).address if delay else front.address
        witness = stage.client(address, **ours)
    return witness.endings(limit=timeout + traffic + 40)


def again(rng, proxy, timeout):
    traffic = some(rng, 1, 4)
    return Cause(f"{proxy} {timeout} s, three times in a row", [IDLE] * 3,
                 partial(thrice, proxy=proxy, timeout=timeout, traffic=traffic),
                 3 * (timeout + traffic + 1), ("python", proxy))


def thrice(stage, proxy, timeout, traffic):
    server = stage.peer("websockets")
    setting = {"nginx": "read", "haproxy": "tunnel"}[proxy]
    front = getattr(stage, proxy)(server.address, **{setting: timeout})
    witness = stage.client(front.address, heartbeat="off", times=3, every=f"0.5:30:{traffic}")
    return witness.endings(3, limit=3 * (timeout + traffic) + 40)


def through_tls(stage, timeout):
    server = stage.peer("websockets")
    front = stage.nginx(server.address, read=timeout, tls=True)
    return stage.client(stage.stunnel(front.address), heartbeat="off").endings(limit=timeout + 40)


def after_a_nap(stage, timeout, asleep):
    front = stage.nginx(stage.peer("websockets").address, read=timeout)
    witness = stage.client(front.address, heartbeat="off")
    witness.wait_open()
    stage.sleep(1)
    witness.stop()
    stage.sleep(asleep)
    witness.go_on()
    return witness.endings(limit=timeout + 40)


def deadline(stage, timeout):
    server = stage.peer("gorilla", deadline=timeout)
    return stage.client(server.address, heartbeat="off").endings(limit=timeout + 40)
