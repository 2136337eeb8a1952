"""Our own sleep, as a closed lid makes it: what else is set up gives up on us meanwhile, without a
word, and we find that out when we wake.
"""
from functools import partial

from rig.cause import Cause, Truth

from .common import adapters, some

SLEPT = Truth("local_suspended")
PROXY = Truth("local_suspended", ("proxy_idle_timeout",),
              "both are true: the proxy's timeout passed, since no Ping of ours kept it from that")
NAT = Truth("local_suspended", ("half_open",),
            "both are true: the path was dead, and it had forgotten us while we slept")
# gorilla sends no Pings that were queued meanwhile.
UNNOTICED = Truth("local_suspended", ("peer_vanished", "peer_closed_under_us"),
                  "none of our deadlines was due while we slept, and the peer says nothing")
HEARTBEATS = ("20,20", "off", "3,3", "60,10")


def causes(rng):
    for heartbeat in HEARTBEATS:
        for peer in ("aiohttp", "node", "gorilla"):
            yield heard_nothing(rng, peer, heartbeat)
    for proxy in ("nginx", "haproxy"):
        yield behind_a_proxy(rng, proxy)
    for heartbeat in ("3,3", "5,4"):
        yield forgotten(rng, heartbeat)


def heard_nothing(rng, peer, heartbeat):
    ping, asleep, awake = some(rng, 1.5, 3), some(rng, 7, 14), some(rng, 1, 4)
    adapter = adapters(rng)
    return Cause(f"{peer} gives up after {ping} s or two of that; asleep for {asleep} s, heartbeat "
                 f"{heartbeat} ({adapter})",
                 UNNOTICED if peer == "gorilla" and heartbeat != "3,3" else SLEPT,
                 partial(fall_asleep, peer=peer, ping=ping, heartbeat=heartbeat, asleep=asleep,
                         awake=awake, adapter=adapter),
                 asleep + awake + 3, ({"aiohttp": "python"}.get(peer, peer),),
                 short=peer == "aiohttp" and heartbeat in ("20,20", "off"))


def fall_asleep(stage, peer, ping, heartbeat, asleep, awake, adapter):
    settings = {"aiohttp": {"heartbeat": ping}, "node": {"ping": ping},
                "gorilla": {"deadline": 2 * ping}}[peer]
    server = stage.peer(peer, **settings)
    # gorilla's deadline is moved by what we say.
    witness = stage.client(server.address, heartbeat=heartbeat, adapter=adapter, every="0.9:10:60")
    return nap(stage, witness, awake, asleep)


def nap(stage, witness, awake, asleep):
    witness.wait_open()
    stage.sleep(awake)
    witness.stop()
    stage.sleep(asleep)
    witness.go_on()
    return witness.endings()


def behind_a_proxy(rng, proxy):
    timeout, asleep, awake = rng.randrange(5, 8), some(rng, 9, 14), some(rng, 4, 9)
    return Cause(f"{proxy} {timeout} s; asleep for {asleep} s, heartbeat 2,5", PROXY,
                 partial(nap_behind, proxy=proxy, timeout=timeout, asleep=asleep, awake=awake),
                 asleep + awake + 3, ("python", proxy))


def nap_behind(stage, proxy, timeout, asleep, awake):
    server = stage.peer("websockets")
    front = getattr(stage, proxy)(server.address,
                                  **{{"nginx": "read", "haproxy": "tunnel"}[proxy]: timeout})
    return nap(stage, stage.client(front.address, heartbeat="2,5"), awake, asleep)


def forgotten(rng, heartbeat):
    asleep, awake = some(rng, 8, 13), some(rng, 1, 6)
    return Cause(f"a NAT forgets us; asleep for {asleep} s, heartbeat {heartbeat}", NAT,
                 partial(nap_behind_nat, heartbeat=heartbeat, asleep=asleep, awake=awake),
                 asleep + awake + 12, ("python", "namespaces"))


def nap_behind_nat(stage, heartbeat, asleep, awake):
    network = stage.network()
    network.nat()
    server = stage.peer("websockets", place="10.77.2.2:0", inside=network.inside("server"))
    witness = stage.client(server.address, inside=network.inside("client"), heartbeat=heartbeat)
    witness.wait_open()
    stage.sleep(awake)
    witness.stop()
    stage.sleep(asleep)
    network.forget()
    witness.go_on()
    return witness.endings()
