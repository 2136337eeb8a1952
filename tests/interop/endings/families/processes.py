"""Processes that end: servers, proxies before them, servers behind those."""
import signal
from functools import partial

from rig.cause import Cause, Truth

from .common import adapters, some

RESET = Truth(("peer_aborted", "peer_closed_under_us"), (),
              "a process that ends with unread data resets the connection, at once or at our next "
              "write")
# What we say in the moment of its end is not read any more.
VANISHED = Truth("peer_vanished", if_reset=RESET)
MIDWAY = Truth("peer_died_mid_message", ("peer_aborted", "peer_closed_under_us"),
               "a process that ends with unread data resets the connection")
RESTART = Truth("restart")
CADDY = Truth(("restart", "peer_failure"), (),
              "Caddy closes both ends, and what the server says to that may come first")
PEERS = {"websockets": "python", "aiohttp": "python", "node": "node", "gorilla": "gorilla"}
SIGNALS = {"killed": signal.SIGKILL, "terminated": signal.SIGTERM, "aborted": signal.SIGABRT}


def causes(rng):
    for peer in PEERS:
        for way in SIGNALS:
            # Node and aiohttp are like the others here: drawn.
            if way != "killed" and peer in ("aiohttp", "gorilla"):
                continue
            age, adapter = some(rng, 2, 11), adapters(rng)
            yield Cause(f"{peer} {way} after {age} s in use ({adapter})", VANISHED,
                        partial(end, peer=peer, number=SIGNALS[way], age=age, adapter=adapter),
                        age + 2, (PEERS[peer],), short=peer in ("websockets", "node"))
    for server in ("uvicorn", "daphne"):
        age = some(rng, 2, 8)
        truth = RESTART if server == "uvicorn" else Truth(
            ("peer_vanished", "closed_by_peer"), (), "what daphne does at SIGTERM is up to Twisted",
            act=False)
        yield Cause(f"{server} terminated after {age} s in use", truth,
                    partial(end_asgi, server=server, age=age), age + 4,
                    ("python",) if server == "uvicorn" else ("python", "daphne"),
                    short=server == "uvicorn")
    for peer in ("websockets", "node"):
        age = some(rng, 3, 7)
        yield Cause(f"{peer} killed with unread data after {age} s", RESET,
                    partial(unread, peer=peer, age=age), age + 2, (PEERS[peer],),
                    short=peer == "websockets")
        age = some(rng, 3, 7)
        # Node has read all of it into memory of its own, and has to be asked for a reset.
        what = "closes with unread data" if peer == "websockets" else "resets it"
        yield Cause(f"{peer} {what} after {age} s", RESET,
                    partial(closed_unread, peer=peer, age=age), age + 2, (PEERS[peer],))
    for role, beat in (("client", "off"), ("server", "off"), ("client", "2,20"),
                       ("server", "2,20")):
        # What it had given to its system still comes, for as long as nothing of ours arrives there.
        rate = rng.randrange(200_000, 400_000)
        yield Cause(f"websockets killed in its upload to our {role}, at {rate} bytes/s, heartbeat "
                    f"{beat}", MIDWAY,
                    partial(midway, role=role, rate=rate, after=some(rng, 2, 6), beat=beat), 20,
                    ("python",), short=role == "client")
    for way in ("reload", "stop", "quit", "kill"):
        yield proxy(rng, "nginx", way)
    for way in ("terminate", "kill"):
        yield proxy(rng, "haproxy", way)
    for way in ("reload", "terminate"):
        age = some(rng, 2, 8)
        yield Cause(f"caddy: {way} after {age} s in use", CADDY,
                    partial(end_proxy, kind="caddy", way=way, age=age), age + 5,
                    ("python", "caddy"))
    for kind in ("nginx", "haproxy", "caddy"):
        age = some(rng, 2, 8)
        truth = VANISHED if kind != "caddy" else Truth(
            "peer_vanished", ("restart",), "Caddy itself says 1001 of an upstream that is gone")
        yield Cause(f"the server behind {kind} killed after {age} s in use", truth,
                    partial(end_behind, kind=kind, age=age), age + 3, ("python", kind),
                    short=kind == "nginx")


TRAFFIC = "0.41:20:100"


def end(stage, peer, number, age, adapter):
    server = stage.peer(peer)
    witness = stage.client(server.address, heartbeat="5,5", every=TRAFFIC, adapter=adapter)
    witness.wait_open()
    stage.sleep(age)
    server.kill(number)
    return witness.endings()


def end_asgi(stage, server, age):
    server = stage.asgi(server)
    witness = stage.client(server.address, heartbeat="5,5", every=TRAFFIC)
    witness.wait_open()
    stage.sleep(age)
    server.kill(signal.SIGTERM)
    return witness.endings()


def unread(stage, peer, age):
    server = stage.peer(peer, deaf=1)
    witness = stage.client(server.address, heartbeat="off", every=TRAFFIC)
    witness.wait_open()
    stage.sleep(age)
    # A stopped process reads nothing, whatever it had begun.
    server.stop()
    stage.sleep(1)
    server.kill()
    return witness.endings()


def closed_unread(stage, peer, age):
    how = "rst" if peer == "node" else "fin"
    server = stage.peer(peer, deaf=1, life=f"{age}:{how}")
    return stage.client(server.address, heartbeat="off", every=TRAFFIC).endings()


def midway(stage, role, rate, after, beat):
    if role == "client":
        peer = stage.peer("websockets", upload=f"0.3:{40 * rate}")
        witness = stage.client(stage.relay(peer.address, rate=rate).address, heartbeat=beat)
    else:
        witness = stage.server(heartbeat=beat)
        relay = stage.relay(witness.address, rate=rate)
        peer = stage.peer("websockets", "client", f"ws://{relay.address}/",
                          upload=f"0.3:{40 * rate}")
    peer.wait_open()
    stage.sleep(after)
    peer.kill()
    return witness.endings(limit=120)


def proxy(rng, kind, way):
    age = some(rng, 2, 9)
    return Cause(f"{kind}: {way} after {age} s in use", VANISHED,
                 partial(end_proxy, kind=kind, way=way, age=age), age + 6, ("python", kind),
                 short=kind == "nginx" and way in ("reload", "kill"))


def end_proxy(stage, kind, way, age):
    server = stage.peer("websockets")
    # Old workers of nginx live for as long as their connections, unless told otherwise.
    settings = {"main": "worker_shutdown_timeout 1s;"} if kind == "nginx" else {}
    front = getattr(stage, kind)(server.address, **settings)
    witness = stage.client(front.address, heartbeat="5,5", every=TRAFFIC)
    witness.wait_open()
    stage.sleep(age)
    if way in ("reload", "stop", "quit") and kind == "nginx":
        front.tell(way)
    else:
        getattr(front, way)()
    return witness.endings()


def end_behind(stage, kind, age):
    server = stage.peer("websockets")
    front = getattr(stage, kind)(server.address)
    witness = stage.client(front.address, heartbeat="5,5", every=TRAFFIC)
    witness.wait_open()
    stage.sleep(age)
    server.kill()
    return witness.endings()
