"""A client that comes back, through what passes: it does, and no sooner than it should."""
from functools import partial

from rig.cause import Cause, Truth

from .common import some

# It is not in use then.
VANISHED = Truth("peer_vanished")
SILENT = Truth("half_open")
IDLE = Truth("proxy_idle_timeout")
REJECTED = Truth("handshake_rejected")
# How much earlier than asked for an attempt may be seen to be: clocks and pipes.
EARLY = 0.05


def causes(rng):
    for adapter in ("tokio", "blocking"):
        def cause(name, truth, made, seconds, *needs, short=False, **named):
            return Cause(f"{name} ({adapter})", truth, partial(made, adapter=adapter, **named),
                         seconds, ("python", *needs), short=short)

        age, gone = some(rng, 2, 6), some(rng, 1, 4)
        yield cause(f"killed after {age} s, and back {gone} s later", VANISHED, restarted, 20,
                    age=age, gone=gone)
        wait = rng.randrange(2, 5)
        yield cause(f"503 twice with Retry-After {wait}", [REJECTED] * 2, busy, 25, status=503,
                    wait=wait)
        yield cause("429 twice without Retry-After", [REJECTED] * 2, busy, 15, status=429,
                    wait=None)
        age = some(rng, 1, 3)
        yield cause(f"1012 after {age} s", Truth("restart"), closed, 40, age=age, how="1012",
                    between=(5, 30))
        yield cause(f"1013 after {age} s", Truth("try_again_later"), closed, 15, age=age,
                    how="1013", between=None, stays=12)
        yield cause(f"1000 after {age} s", Truth("closed_by_peer", act=False), gives_up, 6,
                    short=True, age=age, how="1000")
        yield cause(f"1002 after {age} s", Truth("peer_failure"), gives_up, 6, short=True, age=age,
                    how="1002")
        yield cause("401", REJECTED, refused, 4, short=True)
        yield cause("401, and then with another token", REJECTED, renewed, 8, short=True)
        age = some(rng, 1, 4)
        yield cause(f"4401 after {age} s, and then with another token",
                    Truth("closed_by_application"), expired, 12, age=age)
        span = some(rng, 3, 7)
        yield cause(f"nobody there, given up after {span} s", [], given_up, span + 3, short=True,
                    span=span)
        timeout = rng.randrange(10, 14)
        yield cause(f"nginx {timeout} s, three in a row", [IDLE] * 3, thrice, 3 * timeout + 20,
                    "nginx", timeout=timeout)
        beat = f"{some(rng, 1, 2)},{some(rng, 1, 2)}"
        yield cause(f"frozen for a while, heartbeat {beat}", SILENT, thawed, 25, beat=beat)


def come_back(stage, address, adapter, *options, stays=60, **named):
    return stage.witness("reconnect", f"ws://{address}/", *options, adapter=adapter,
                         **{"for": stays}, **named)


def at(events, number):
    return events[number]["at"]


def restarted(stage, adapter, age, gone):
    place = f"127.0.0.1:{stage.port()}"
    server = stage.peer("websockets", place=place)
    witness = come_back(stage, place, adapter)
    witness.wait_open()
    stage.sleep(age)
    server.close()
    endings = witness.endings()
    stage.sleep(gone)
    stage.peer("websockets", place=place)
    witness.wait_open(2)
    stage.check(at(witness.events("open"), 1) - endings[0]["at"] >= gone - EARLY,
                "it was back before its server was")
    return endings


def busy(stage, adapter, status, wait):
    server = stage.peer("websockets", busy=f"{status}:2:{wait or ''}")
    witness = come_back(stage, server.address, adapter)
    witness.wait_open()
    endings = witness.endings(2)
    attempts = witness.events("attempt")
    for number, ending in enumerate(endings, 1):
        waited = at(attempts, number) - ending["at"]
        stage.check(waited >= (wait or 0) - EARLY,
                    f"attempt {number + 1} came {waited:.2f} s after the refusal")
    return endings


def closed(stage, adapter, age, how, between, stays=60):
    server = stage.peer("websockets", life=f"{age}:{how}")
    witness = come_back(stage, server.address, adapter, stays=stays)
    endings = witness.endings()
    if between is None:
        stage.sleep(stays - age - 2)
        stage.check(len(witness.events("attempt")) == 1, "it came back too soon")
        return endings
    attempt = witness.wait_events("attempt", 2)[1]
    waited = attempt["at"] - endings[0]["at"]
    stage.check(between[0] - EARLY <= waited <= between[1] + 1,
                f"it came back after {waited:.2f} s")
    return endings


def gives_up(stage, adapter, age, how):
    server = stage.peer("websockets", life=f"{age}:{how}")
    witness = come_back(stage, server.address, adapter)
    witness.wait_events("gave up", limit=20)
    stage.check(len(witness.events("attempt")) == 1, "it tried again")
    return witness.endings()


def refused(stage, adapter):
    server = stage.peer("websockets", token="new")
    witness = come_back(stage, server.address, adapter, field="Authorization:old")
    witness.wait_events("gave up", limit=20)
    stage.check(len(witness.events("attempt")) == 1, "it sent the same token again")
    return witness.endings()


def renewed(stage, adapter):
    server = stage.peer("websockets", token="new")
    witness = come_back(stage, server.address, adapter, token=["old", "new"])
    witness.wait_open()
    stage.check(len(witness.events("attempt")) == 2, "it took more than the second token")
    return witness.endings()


def expired(stage, adapter, age):
    """A token that runs out while it is in use."""
    server = stage.peer("websockets", token="first,second", life=f"{age}:4401:token expired")
    witness = come_back(stage, server.address, adapter, token=["first", "second"])
    endings = witness.endings()
    witness.wait_open(2)
    stage.check(len(witness.events("attempt")) == 2, "it was refused in between")
    return endings


def given_up(stage, adapter, span):
    witness = come_back(stage, f"127.0.0.1:{stage.port()}", adapter, give_up_after=span)
    gone = witness.wait_events("gave up", limit=span + 20)[0]
    stage.check(gone["at"] <= span + 1, f"it gave up after {gone['at']:.2f} s")
    # The first delay is of 5 s at most: a span that is shorter may allow a single attempt.
    least = 2 if span > 6 else 1
    stage.check(len(witness.events("failed")) >= least, "it gave up at once")
    return []


def thrice(stage, adapter, timeout):
    """Its own history tells what one alone does not."""
    front = stage.nginx(stage.peer("websockets").address, read=timeout)
    witness = come_back(stage, front.address, adapter, heartbeat="off", stays=3 * timeout + 60)
    endings = witness.endings(3, limit=3 * timeout + 60)
    confidence = endings[2]["diagnosis"]["findings"][0]["confidence"]
    stage.check(confidence == "likely", f"the third is only {confidence}")
    return endings


def thawed(stage, adapter, beat):
    server = stage.peer("websockets")
    witness = come_back(stage, server.address, adapter, heartbeat=beat)
    witness.wait_open()
    stage.sleep(some(stage.rng, 1, 4))
    server.stop()
    endings = witness.endings()
    server.go_on()
    witness.wait_open(2)
    return endings
