"""Servers that answer Pings, and end what carries no message."""
from functools import partial

from rig.cause import Cause, Truth

from .common import adapters, some

IDLE = Truth("peer_application_idle")
SAID = "the Close itself is certain, and a single one does not tell why it came"
ODD = "a Close after a number of seconds that nobody would set says no more than itself"
ODDLY = {
    "1000": Truth(("closed_by_peer", "peer_application_idle"), (), ODD, act=False),
    "1001": Truth(("restart", "peer_application_idle"), (), ODD),
}
FIRST = {
    "fin": IDLE,
    "rst": Truth("peer_application_idle", ("peer_aborted",), "a reset alone says as much"),
    "1000": Truth("peer_application_idle", ("closed_by_peer",), SAID, act=False),
    "1001": Truth("peer_application_idle", ("restart",), SAID),
    "1000:idle timeout": IDLE,
    "4000:inactive": Truth("peer_application_idle", ("closed_by_application",), SAID),
}
WITHOUT_PINGS = "without Pings nobody knows whether those would have counted"
UNASKED = {
    "fin": Truth(("peer_application_idle", "proxy_idle_timeout"), (), WITHOUT_PINGS),
    "1000": Truth(("peer_application_idle", "proxy_idle_timeout"), ("closed_by_peer",),
                  f"{WITHOUT_PINGS}; {SAID}", act=False),
    "1001": Truth(("peer_application_idle", "proxy_idle_timeout"), ("restart",),
                  f"{WITHOUT_PINGS}; {SAID}"),
}


def first(how, timeout):
    """The truth about the first ending of several, or of one alone."""
    return ODDLY[how] if how in ODDLY and (timeout % 5 or timeout < 10) else FIRST[how]


PEERS = {"websockets": "python", "aiohttp": "python", "node": "node", "gorilla": "gorilla"}


def causes(rng):
    # The timeout of some is one that many have, of others any.
    for how, peer in (("fin", "websockets"), ("fin", "node"), ("rst", "websockets"),
                      ("1000", "websockets"), ("1000", "node"), ("1001", "aiohttp"),
                      ("1001", "websockets"), ("1000:idle timeout", "node"),
                      ("4000:inactive", "websockets"), ("fin", "gorilla")):
        yield once(rng, peer, how, rng.choice([5, 10, 15, 20, 30]))
    for how, peer in (("fin", "aiohttp"), ("1000", "gorilla"), ("1001", "node"),
                      ("rst", "gorilla")):
        yield once(rng, peer, how, rng.randrange(6, 28))
    for how, peer in (("fin", "websockets"), ("rst", "node"), ("1000", "websockets"),
                      ("1001", "node")):
        yield thrice(rng, peer, how, rng.randrange(6, 15))
    for how in UNASKED:
        timeout, in_use = rng.choice([10, 15, 20, 30, 60]), some(rng, 1, 9)
        peer = rng.choice(list(PEERS))
        yield Cause(f"{peer} ends by {how} after {timeout} s; {in_use} s in use, no Pings",
                    UNASKED[how],
                    partial(idle, peer=peer, how=how, timeout=timeout, beat=None, in_use=in_use,
                            adapter=adapters(rng), times=1), timeout + in_use + 2, (PEERS[peer],))
    timeout, in_use = rng.choice([10, 15, 20]), some(rng, 1, 9)
    beat = round(timeout / rng.uniform(3, 5), 2)
    yield Cause(f"a websockets client ends by fin after {timeout} s; {in_use} s in use, Pings "
                f"every {beat} s", IDLE,
                partial(idle_client, timeout=timeout, beat=beat, in_use=in_use),
                timeout + in_use + 2, ("python",))


def once(rng, peer, how, timeout):
    beat = round(timeout / rng.uniform(3, 5), 2)
    in_use, adapter = some(rng, 1, 9), adapters(rng)
    return Cause(f"{peer} ends by {how} after {timeout} s; {in_use} s in use, Pings every {beat} s "
                 f"({adapter})", first(how, timeout),
                 partial(idle, peer=peer, how=how, timeout=timeout, beat=beat, in_use=in_use,
                         adapter=adapter, times=1),
                 timeout + in_use + 2, (PEERS[peer],), short=timeout + in_use < 20)


def thrice(rng, peer, how, timeout):
    beat, in_use = round(timeout / rng.uniform(3, 5), 2), some(rng, 1, 6)
    return Cause(f"{peer} ends by {how} after {timeout} s; {in_use} s in use, Pings every {beat} s,"
                 f" three in a row", [first(how, timeout), IDLE, IDLE],
                 partial(idle, peer=peer, how=how, timeout=timeout, beat=beat, in_use=in_use,
                         adapter="tokio", times=3),
                 3 * (timeout + in_use) + 3, (PEERS[peer],))


def idle(stage, peer, how, timeout, beat, in_use, adapter, times):
    server = stage.peer(peer, idle=f"{timeout}:{how}")
    witness = stage.client(server.address, heartbeat=f"{beat},{beat}" if beat else "off",
                           times=times, adapter=adapter, every=f"0.4:20:{in_use}")
    return witness.endings(times, limit=times * (timeout + in_use) + 40)


def idle_client(stage, timeout, beat, in_use):
    witness = stage.server(heartbeat=f"{beat},{beat}", every=f"0.4:20:{in_use}")
    stage.peer("websockets", "client", f"ws://{witness.address}/", idle=f"{timeout}:fin")
    return witness.endings(limit=timeout + in_use + 40)
