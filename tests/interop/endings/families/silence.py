"""Our own silence: the peer's Pings are not answered in time, and it ends the connection."""
from functools import partial

from rig.cause import Cause, Truth

from .common import some

BOTH = "both are true: the peer got no answer, since this process slept or was busy"
SAID = Truth("no_answer_from_us", ("local_suspended",), BOTH)
UPLOAD = Truth("no_answer_from_us", ("outbound_blocked",),
               "both are true: the Pong was late, since it stood behind our own upload")
# It says nothing when it goes: only that we were silent tells why.
WORDLESS = Truth("local_suspended")

# How long each takes to end a silent connection, given its interval and its timeout.
SERVERS = {
    "websockets": lambda ping, timeout: ping + timeout,
    "uvicorn": lambda ping, timeout: ping + timeout,
    "aiohttp": lambda ping, timeout: 1.5 * ping,
    "node": lambda ping, timeout: 2 * ping,
}


def causes(rng):
    for server in SERVERS:
        for way in ("stopped", "blocked", "left alone"):
            yield one(rng, server, "client", way, rng.choice(["tokio", "blocking"]))
    for way in ("stopped", "blocked", "left alone"):
        yield one(rng, "websockets", "server", way, rng.choice(["tokio", "blocking"]))
    yield one(rng, "node", "server", "stopped", "tokio")
    for server in ("websockets", "uvicorn"):
        yield upload(rng, server, "client")
    yield upload(rng, "websockets", "server")


def one(rng, peer, role, way, adapter):
    ping, timeout = some(rng, 1, 2.5), some(rng, 1, 3)
    after = some(rng, 0.5, 4)
    silent = round(SERVERS[peer](ping, timeout) + some(rng, 2, 5), 2)
    wordless = peer in ("aiohttp", "node")
    name = f"{peer}, pinging every {ping} s; our {role} {way} for {silent} s ({adapter})"
    needs = ("python",) if peer != "node" else ("node",)
    return Cause(name, WORDLESS if wordless else SAID,
                 partial(be_silent, peer=peer, role=role, way=way, adapter=adapter,
                         ping=ping, timeout=timeout, after=after, silent=silent),
                 after + silent + 3, needs, short=peer in ("websockets", "uvicorn"))


def be_silent(stage, peer, role, way, adapter, ping, timeout, after, silent):
    what = {"blocked": ["--at", f"{after}:block:{silent}"],
            "left alone": ["--at", f"{after}:leave:{silent}"]}.get(way, [])
    if role == "client":
        server = pinging_server(stage, peer, ping, timeout)
        witness = stage.client(server.address, *what, adapter=adapter)
    else:
        witness = stage.server(*what, adapter=adapter)
        stage.peer(peer, "client", f"ws://{witness.address}/", ping=f"{ping},{timeout}")
    witness.wait_open()
    if way == "stopped":
        stage.sleep(after)
        witness.stop()
        stage.sleep(silent)
        witness.go_on()
    return witness.endings()


def pinging_server(stage, peer, ping, timeout):
    if peer == "uvicorn":
        return stage.asgi("uvicorn", "--ws-ping-interval", ping, "--ws-ping-timeout", timeout)
    if peer == "aiohttp":
        return stage.peer(peer, heartbeat=ping)
    return stage.peer(peer, ping=f"{ping},{timeout}")


def upload(rng, peer, role):
    """Our Pong waits in the kernel behind more of our own bytes than the path takes in time."""
    ping, timeout = some(rng, 1, 2), some(rng, 2, 3)
    rate = rng.randrange(100_000, 200_000)
    name = f"{peer}, pinging every {ping} s; our {role} uploads at {rate} bytes/s"
    return Cause(name, UPLOAD,
                 partial(keep_uploading, peer=peer, role=role, ping=ping, timeout=timeout,
                         rate=rate), 16, ("python",),
                 short=peer == "websockets" and role == "client")


def keep_uploading(stage, peer, role, ping, timeout, rate):
    what = dict(at=f"0.3:send:{60 * rate}", heartbeat="20,20")
    if role == "client":
        server = pinging_server(stage, peer, ping, timeout)
        witness = stage.client(stage.relay(server.address, rate=rate).address, **what)
    else:
        witness = stage.server(**what)
        relay = stage.relay(witness.address, rate=rate)
        stage.peer(peer, "client", f"ws://{relay.address}/", ping=f"{ping},{timeout}")
    return witness.endings()
