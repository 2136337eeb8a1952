"""Kills at random times: what looks like an idle timeout where only its length is asked for."""
from functools import partial

from rig.cause import Cause, Truth

from .common import adapters, some

VANISHED = Truth("peer_vanished", if_reset=Truth(
    ("peer_aborted", "peer_closed_under_us"), (), "what we had just said was not read any more"))
PEERS = {"websockets": "python", "aiohttp": "python", "node": "node", "gorilla": "gorilla"}


def causes(rng):
    for index in range(10):
        peer = list(PEERS)[index % 4]
        silent, traffic = some(rng, 2, 38 if index < 8 else 12), rng.choice([0.0, some(rng, 1, 9)])
        adapter = adapters(rng)
        yield Cause(f"{peer} killed after {traffic} s of traffic and {silent} s of silence "
                    f"({adapter})", VANISHED,
                    partial(kill, peer=peer, silent=silent, traffic=traffic, adapter=adapter),
                    silent + traffic + 2, (PEERS[peer],), short=silent + traffic < 18)
    for proxy in ("nginx", "haproxy"):
        for role in ("client", "server"):
            silent = some(rng, 3, 30)
            yield Cause(f"{proxy} of 60 s before our {role} killed after {silent} s of silence",
                        VANISHED, partial(kill_proxy, proxy=proxy, role=role, silent=silent),
                        silent + 2, ("python", proxy))
    for beat in ("off", "20,20", "2,4"):
        asleep, awake = some(rng, 3, 9), some(rng, 6, 12)
        adapter = adapters(rng)
        yield Cause(f"killed {awake} s after we slept for {asleep} s, heartbeat {beat} ({adapter})",
                    VANISHED,
                    partial(kill_after_a_nap, asleep=asleep, awake=awake, beat=beat,
                            adapter=adapter),
                    asleep + awake + 4, ("python",))
    pauses = [some(rng, 3, 9) for _ in range(3)]
    yield Cause(f"killed thrice, after {pauses} s of silence", [VANISHED] * 3,
                partial(kill_thrice, pauses=pauses), sum(pauses) + 6, ("python",))


def kill(stage, peer, silent, traffic, adapter):
    server = stage.peer(peer)
    ours = {"every": f"0.5:30:{traffic}"} if traffic else {}
    witness = stage.client(server.address, heartbeat="off", adapter=adapter, **ours)
    witness.wait_open()
    stage.sleep(traffic + silent)
    server.kill()
    return witness.endings()


def kill_proxy(stage, proxy, role, silent):
    if role == "client":
        front = getattr(stage, proxy)(stage.peer("websockets").address)
        witness = stage.client(front.address, heartbeat="off")
    else:
        witness = stage.server(heartbeat="off")
        front = getattr(stage, proxy)(witness.address)
        stage.peer("websockets", "client", f"ws://{front.address}/")
    witness.wait_open()
    stage.sleep(silent)
    front.kill()
    return witness.endings()


def kill_after_a_nap(stage, asleep, awake, beat, adapter):
    """A sleep that did no harm is no reason for what comes much later."""
    server = stage.peer("websockets")
    witness = stage.client(server.address, heartbeat=beat, adapter=adapter,
                           every="0.43:10:60" if beat != "2,4" else "60:1:60")
    witness.wait_open()
    stage.sleep(2)
    witness.stop()
    stage.sleep(asleep)
    witness.go_on()
    stage.sleep(awake)
    server.kill()
    return witness.endings()


def kill_thrice(stage, pauses):
    place = f"127.0.0.1:{stage.port()}"
    witness = None
    for number, pause in enumerate(pauses, 1):
        server = stage.peer("websockets", place=place)
        if witness is None:
            witness = stage.client(server.address, heartbeat="off", times=3, pause=4)
        witness.wait_open(number)
        stage.sleep(pause)
        server.close()
    return witness.endings(3)
