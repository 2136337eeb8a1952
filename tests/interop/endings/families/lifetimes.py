"""Connections that end at an age, in use or not, and idleness of the same length."""
from functools import partial

from rig.cause import Cause, Truth

from .common import some

ALONE = "nothing tells of the first of several that it will repeat itself"
AGED = Truth("proxy_lifetime")
FIRST = {
    "fin": Truth(("peer_vanished", "proxy_lifetime"), (), ALONE),
    "1001": Truth(("restart", "proxy_lifetime"), (), ALONE),
    "1000": Truth(("closed_by_peer", "proxy_lifetime"), (), ALONE, act=False),
}
COARSE = Truth(("closed_by_peer", "proxy_lifetime"), (),
               "daphne looks at ages every two seconds, so that they are equal only by chance",
               act=False)
SAME = "age and silence are the same span, so that both fit"


def causes(rng):
    for how in ("fin", "1001", "1000"):
        for peer in ("websockets", "node" if how != "fin" else "gorilla"):
            age = rng.randrange(10, 21)
            yield Cause(f"{peer} ends it by {how} at {age} s in use, thrice",
                        [FIRST[how], AGED, AGED],
                        partial(in_use, peer=peer, how=how, age=age, times=3), 3 * age + 4,
                        ({"websockets": "python"}.get(peer, peer),),
                        short=peer == "websockets" and how == "fin" and age < 16)
    # daphne's own setting.
    age = rng.randrange(11, 19)
    yield Cause(f"daphne's --websocket_timeout of {age} s in use, thrice",
                [COARSE] * 3, partial(daphne, age=age), 3 * age + 6,
                ("python", "daphne"))
    yield Cause("30 s in use, as of a known gateway, by fin", AGED,
                partial(in_use, peer="websockets", how="fin", age=30, times=1), 32, ("python",))
    yield Cause("30 s without a byte, by age",
                Truth("proxy_lifetime", ("proxy_idle_timeout",), SAME),
                partial(unused, how="fin", age=30), 32, ("python",))
    # Where both fit, idleness is what more of them end for.
    yield Cause("30 s without a byte, by nginx's idle timeout",
                Truth(("proxy_idle_timeout",)), partial(nginx, timeout=30), 33, ("python", "nginx"))
    age = some(rng, 4, 15)
    yield Cause(f"websockets ends it after {age} s in use, for no reason of age",
                Truth("peer_vanished"),
                partial(in_use, peer="websockets", how="fin", age=age, times=1), age + 2,
                ("python",))
    age, rest = some(rng, 2, 6), rng.randrange(2, 6)
    yield Cause(f"haproxy reloads after {age} s, hard-stop-after {rest} s", Truth("peer_vanished"),
                partial(reload, age=age, rest=rest), age + rest + 4, ("python", "haproxy"))


TRAFFIC = "0.45:20:100"


def in_use(stage, peer, how, age, times):
    server = stage.peer(peer, life=f"{age}:{how}")
    witness = stage.client(server.address, heartbeat="off", times=times, every=TRAFFIC)
    return witness.endings(times, limit=times * age + 40)


def daphne(stage, age):
    server = stage.asgi("daphne", "--websocket_timeout", age)
    witness = stage.client(server.address, heartbeat="off", times=3, every=TRAFFIC)
    return witness.endings(3, limit=3 * age + 40)


def unused(stage, how, age):
    server = stage.peer("websockets", life=f"{age}:{how}")
    return stage.client(server.address, heartbeat="off").endings(limit=age + 40)


def nginx(stage, timeout):
    front = stage.nginx(stage.peer("websockets").address, read=timeout)
    return stage.client(front.address, heartbeat="off").endings(limit=timeout + 40)


def reload(stage, age, rest):
    front = stage.haproxy(stage.peer("websockets").address, main=f"hard-stop-after {rest}s")
    witness = stage.client(front.address, heartbeat="off", every=TRAFFIC)
    witness.wait_open()
    stage.sleep(age)
    front.reload()
    return witness.endings()
