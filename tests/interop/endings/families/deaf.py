"""Peers that are there and do nothing: frozen, blocked, not reading, not answering."""
from functools import partial

from rig.cause import Cause, Truth

from .common import adapters, some

SILENT = Truth("half_open")
FULL = Truth("outbound_blocked", ("half_open",),
             "a peer that takes nothing and says nothing may be gone as well")
TALKS = Truth("peer_stalled", ("half_open",), "in the end it is as silent as one that is gone")
DEAD = Truth("half_open", ("outbound_blocked",),
             "a path that is dead and a peer that takes nothing both leave output behind")
UPLINK = Truth("outbound_blocked", ("half_open",),
               "the kernel had taken all of it, and nothing came back")
PEERS = {"websockets": "python", "node": "node"}


def causes(rng):
    for peer in PEERS:
        for role in ("client", "server"):
            beat = heartbeat(rng)
            after, adapter = some(rng, 1, 6), adapters(rng)
            yield Cause(f"{peer} frozen before our {role} after {after} s, heartbeat {beat} "
                        f"({adapter})", SILENT,
                        partial(frozen, peer=peer, role=role, beat=beat, after=after,
                                adapter=adapter),
                        after + 12, (PEERS[peer],), short=role == "client")
        beat, after = heartbeat(rng), some(rng, 1, 6)
        yield Cause(f"{peer}'s event loop blocked after {after} s, heartbeat {beat}", SILENT,
                    partial(blocked, peer=peer, beat=beat, after=after), after + 12, (PEERS[peer],),
                    short=peer == "websockets")
        for beat in ("off", heartbeat(rng)):
            stall = some(rng, 3, 6)
            yield Cause(f"{peer} reads nothing of our bulk, heartbeat {beat}, stall {stall} s",
                        FULL, partial(unread, peer=peer, beat=beat, stall=stall), 16,
                        (PEERS[peer],),
                        short=peer == "websockets" and beat == "off")
    beat, until = heartbeat(rng), some(rng, 4, 9)
    yield Cause(f"websockets reads nothing, and talks for {until} s, heartbeat {beat}", TALKS,
                partial(talking, beat=beat, until=until), until + 12, ("python",))
    beat, after = heartbeat(rng), some(rng, 2, 6)
    yield Cause(f"node frozen in the middle of traffic after {after} s, heartbeat {beat}", SILENT,
                partial(freeze_in_traffic, beat=beat, after=after), after + 14, ("node",))
    for bulk in (False, True):
        beat, after = heartbeat(rng), some(rng, 2, 6)
        yield Cause(f"a path goes dead after {after} s, {'bulk' if bulk else 'nothing'} under way, "
                    f"heartbeat {beat}", DEAD if bulk else SILENT,
                    partial(dead_path, bulk=bulk, beat=beat, after=after), after + 40 * bulk + 12,
                    ("python",), short=not bulk)
    delay, beat = some(rng, 3.5, 4.5), f"{some(rng, 1, 2)},{some(rng, 1.5, 2.5)}"
    yield Cause(f"a path of {delay} s each way, heartbeat {beat}", SILENT,
                partial(slow_path, delay=delay, beat=beat), 20, ("python",))
    for beat in ("1,2", "1.5,3"):
        rate = rng.randrange(60_000, 120_000)
        yield Cause(f"our upload at {rate} bytes/s starves our Pings, heartbeat {beat}", UPLINK,
                    partial(starved, beat=beat, rate=rate), 25, ("python",))


def heartbeat(rng):
    return f"{some(rng, 1, 3)},{some(rng, 1, 4)}"


def open_to(stage, peer, role, theirs=None, **ours):
    """A witness and a peer, whichever of them is the server."""
    if role == "client":
        other = stage.peer(peer, **(theirs or {}))
        witness = stage.client(other.address, **ours)
    else:
        witness = stage.server(**ours)
        other = stage.peer(peer, "client", f"ws://{witness.address}/", **(theirs or {}))
    witness.wait_open()
    return witness, other


def frozen(stage, peer, role, beat, after, adapter):
    witness, other = open_to(stage, peer, role, heartbeat=beat, adapter=adapter)
    stage.sleep(after)
    other.stop()
    return witness.endings()


def freeze_in_traffic(stage, beat, after):
    witness, other = open_to(stage, "node", "client", heartbeat=beat, every=f"0.3:50:{after}")
    stage.sleep(after - 0.5)
    other.stop()
    return witness.endings()


def blocked(stage, peer, beat, after):
    witness, _ = open_to(stage, peer, "client", {"block": f"{after}:40"}, heartbeat=beat)
    return witness.endings()


def unread(stage, peer, beat, stall):
    witness, _ = open_to(stage, peer, "client", {"deaf": 0.5}, heartbeat=beat, write_stall=stall,
                         every="0.05:65536:60")
    return witness.endings()


def talking(stage, beat, until):
    witness, _ = open_to(stage, "websockets", "client", {"deaf": 0.5, "say": f"0.4:10:{until}"},
                         heartbeat=beat)
    return witness.endings()


def dead_path(stage, bulk, beat, after):
    server = stage.peer("websockets")
    relay = stage.relay(server.address)
    ours = {"every": "0.1:65536:60"} if bulk else {}
    witness = stage.client(relay.address, heartbeat=beat, **ours)
    witness.wait_open()
    stage.sleep(after)
    relay.freeze()
    return witness.endings(limit=120)


def slow_path(stage, delay, beat):
    server = stage.peer("websockets")
    relay = stage.relay(server.address, delay=delay)
    return stage.client(relay.address, heartbeat=beat).endings()


def starved(stage, beat, rate):
    server = stage.peer("websockets", mute=1)
    relay = stage.relay(server.address, rate=rate)
    witness = stage.client(relay.address, heartbeat=beat, at=f"2:send:{20 * rate}")
    return witness.endings()
