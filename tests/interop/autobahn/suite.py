"""Starts the Autobahn test suite so that it stays on loopback. Python 2.7: the suite runs on nothing newer.

    suite.py list SPEC            prints, as JSON, the ids of the cases that SPEC asks for
    suite.py fuzzingclient SPEC   runs them against the servers named in SPEC
    suite.py fuzzingserver SPEC   waits for clients; its first line is "listening on 127.0.0.1:PORT"
"""
import json
import socket
import sys

from autobahntestsuite import choosereactor  # must come before anything else of Twisted
from autobahntestsuite import fuzzing, wstest
from autobahntestsuite.caseset import CaseSet
from twisted.internet import reactor


def asked_for(spec):
    """The suite's own list, so that a case it never ran is noticed."""
    cases = CaseSet(
        fuzzing.CaseSetname, fuzzing.CaseBasename, fuzzing.Cases,
        fuzzing.CaseCategories, fuzzing.CaseSubCategories)
    for pattern in spec["cases"]:
        matched = cases.resolveCasePatternList([pattern])
        if not matched or any(case not in cases.CasesIndices for case in matched):
            sys.exit("no case matches %s" % pattern)
    return cases.parseSpecCases(spec)


def stay_on_loopback(spec):
    """The suite would listen on every interface, on a fixed port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(50)
    listener.setblocking(False)
    address = "127.0.0.1:%d" % listener.getsockname()[1]
    spec["url"] = "ws://" + address
    print "listening on " + address

    def adopt(port, factory, backlog=50, interface=""):
        return reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, factory)

    reactor.listenTCP = adopt
    return listener


def main(mode, path):
    with open(path) as file:
        spec = json.load(file)
    if mode == "list":
        print json.dumps(asked_for(spec))
        return
    if mode == "fuzzingserver":
        listener = stay_on_loopback(spec)
    wstest.start({"mode": mode, "webport": 0, "debug": False}, spec)


main(*sys.argv[1:])
