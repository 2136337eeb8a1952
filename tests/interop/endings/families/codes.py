"""Close codes of servers and applications, with and without a reason."""
from functools import partial

from rig.cause import Cause, Truth

from .common import adapters, some

APPLICATION = Truth("closed_by_application")
FAILED = Truth("peer_failure")
RESTART = Truth("restart")

# Code, reason, truth; the peers that send it are drawn.
CODES = [
    ("4401", "Unauthorized", APPLICATION),
    ("4429", "", APPLICATION),
    ("4000", "session replaced", APPLICATION),
    ("3000", "", APPLICATION),
    ("3003", "forbidden", APPLICATION),
    ("3008", "timeout", APPLICATION),
    ("1000", "", Truth("closed_by_peer", act=False)),
    ("1000", "bye", Truth("closed_by_peer", act=False)),
    ("1001", "", RESTART),
    ("1001", "server shutting down", RESTART),
    ("1012", "", RESTART),
    ("1012", "service restart", RESTART),
    ("1013", "", Truth("try_again_later")),
    ("1013", "overloaded", Truth("try_again_later")),
    ("1014", "", RESTART),
    ("1011", "", FAILED),
    ("1011", "internal error", FAILED),
    ("1008", "not on the list", FAILED),
    ("1003", "no binary", FAILED),
    ("1009", "too big", FAILED),
]
PEERS = {"websockets": "python", "aiohttp": "python", "node": "node", "gorilla": "gorilla"}


def causes(rng):
    for index, (code, reason, truth) in enumerate(CODES):
        # In the short run there is no gorilla.
        peer = ["websockets", "node"][index % 2] if index < 8 else rng.choice(list(PEERS))
        # No whole second: nothing but the code is to say why.
        age = int(some(rng, 3, 9)) + some(rng, 0.3, 0.7)
        yield Cause(f"{code} \"{reason}\" of {peer} after {age:.2f} s in use", truth,
                    partial(closed, peer=peer, code=code, reason=reason, age=age,
                            adapter=adapters(rng)),
                    age + 1, (PEERS[peer],), short=index < 8)
    for server in ("uvicorn", "daphne"):
        code, reason, truth = rng.choice(CODES[:3])
        age = int(some(rng, 3, 9)) + some(rng, 0.3, 0.7)
        yield Cause(f"{code} \"{reason}\" of {server} after {age:.2f} s in use", truth,
                    partial(closed_by_asgi, server=server, code=code, reason=reason, age=age),
                    age + 3, ("python", server) if server == "daphne" else ("python",))
    for peer in ("websockets", "node", "gorilla"):
        limit = rng.randrange(100_000, 900_000)
        yield Cause(f"{peer} with a limit of {limit} bytes gets more", FAILED,
                    partial(too_big, peer=peer, limit=limit, after=some(rng, 1, 4)), 5,
                    (PEERS[peer],), short=peer == "node")
    after = some(rng, 1, 4)
    yield Cause(f"we close after {after} s", Truth("closed_by_us", act=False),
                partial(ours, after=after, how="close:1000", peer=rng.choice(list(PEERS))), 6,
                tuple(PEERS.values()))
    yield Cause(f"we close after {after} s, and the peer is frozen", Truth("close_unanswered"),
                partial(ours, after=after, how="close:1000", peer="websockets", freezes=True), 12,
                ("python",))
    yield Cause(f"we drop it after {after} s", Truth("local_abort"),
                partial(ours, after=after, how="abort", peer="node"), 6, ("node",), short=True)
    for code, reason, truth in CODES[:3]:
        age = int(some(rng, 3, 9)) + some(rng, 0.3, 0.7)
        yield Cause(f"{code} \"{reason}\" of a websockets client after {age:.2f} s in use", truth,
                    partial(closed_by_client, code=code, reason=reason, age=age), age + 1,
                    ("python",))


def in_use(age):
    return f"0.37:20:{age}"


def closed(stage, peer, code, reason, age, adapter):
    server = stage.peer(peer, life=f"{age}:{code}:{reason}")
    witness = stage.client(server.address, every=in_use(age), adapter=adapter)
    return witness.endings()


def closed_by_asgi(stage, server, code, reason, age):
    server = stage.asgi(server, CLOSE=f"{age}:{code}:{reason}")
    return stage.client(server.address, every=in_use(age)).endings()


def closed_by_client(stage, code, reason, age):
    witness = stage.server("--echo", every=in_use(age))
    stage.peer("websockets", "client", f"ws://{witness.address}/", mute=1,
               life=f"{age}:{code}:{reason}")
    return witness.endings()


def too_big(stage, peer, limit, after):
    server = stage.peer(peer, limit=limit)
    witness = stage.client(server.address, at=[f"{after / 2}:send:{limit // 3}",
                                               f"{after}:send:{2 * limit}"])
    return witness.endings()


def ours(stage, after, how, peer, freezes=False):
    server = stage.peer(peer)
    witness = stage.client(server.address, every="0.31:20:60", at=f"{after}:{how}")
    witness.wait_open()
    if freezes:
        server.stop()
    return witness.endings()
