"""The network itself, in namespaces: links, filters, routes, addresses, NAT, and the system."""
from functools import partial

from rig.cause import Cause, Truth
from rig.network import CLIENT, SERVER

from .common import adapters, some

SILENT = Truth("half_open")
ROUTELESS = Truth(("half_open", "unreachable"), (),
                  "our own system knows that there is no way, and tells only who asks long enough")
RESET = Truth(("peer_aborted", "peer_closed_under_us"), (),
              "a reset has no name on it; which of the two depends on whether it answered a write")
UNREACHABLE = Truth("unreachable")
SLOWLY_UNREACHABLE = Truth(("half_open", "unreachable"), (),
                           "the system tells of the ICMP message when it gives up, and the "
                           "heartbeat is sooner")
GIVEN_UP = Truth(("unreachable", "kernel_timeout"), (),
                 "which of the two Linux says depends on when it last asked for a route")
ONE_WAY = Truth("half_open", ("peer_stalled",),
                "what the peer had sent still comes for a while, and a Pong does not")
LOSS = Truth("half_open", ("peer_stalled",), "of a path that loses, some bytes come")
OFF = "off"


def causes(rng):
    def cause(name, truth, fault, beat, role="client", traffic=True, seconds=14, soon=False,
              short=False):
        after, adapter = some(rng, 1.5, 7), adapters(rng)
        kind = "in use" if traffic else "unused"
        return Cause(f"{name} after {after} s, our {role} {kind}, heartbeat {beat} ({adapter})",
                     truth, partial(happen, fault=fault, beat=beat, role=role, traffic=traffic,
                                    after=after, soon=soon, adapter=adapter),
                     after + seconds, ("python", "namespaces"), short=short)

    def beat():
        return f"{some(rng, 1, 2.5)},{some(rng, 1.5, 3)}"

    for role in ("client", "server"):
        short = role == "client"
        yield cause("the link beyond the router goes down", SILENT, link_down, beat(), role,
                    short=short)
        yield cause("all is dropped", SILENT, drop_all, beat(), role, traffic=False)
        yield cause("what the client sends is dropped", ONE_WAY, drop_up, beat(), role)
        yield cause("what the server sends is dropped", ONE_WAY, drop_down, beat(), role)
        yield cause("rejected with a reset", RESET, reject_reset, beat(), role,
                    short=short)
        yield cause("the peer's system kills its socket", RESET,
                    kill_socket("server" if role == "client" else "client"), beat(), role)
        yield cause("our system kills our socket", Truth("system_aborted"), kill_socket(role),
                    beat(), role, short=short)
    yield cause("a NAT forgets", SILENT, forget, beat())
    # What comes from outside is then for the router itself, whose system knows no such connection.
    yield cause("a NAT forgets", RESET, forget, beat(), "server")
    yield cause("our system kills our socket", Truth("system_aborted"), kill_socket("client"), OFF,
                traffic=False)
    yield cause("all is dropped", Truth("kernel_timeout"), drop_all, OFF, soon=True, seconds=20)
    yield cause("all is dropped", Truth("kernel_timeout"), drop_all, OFF, "server", soon=True,
                seconds=20)
    for how, truth in (("icmp-host-unreachable", UNREACHABLE),
                       ("icmp-net-unreachable", UNREACHABLE),
                       ("icmp-port-unreachable", Truth("refused"))):
        yield cause(f"rejected with {how}", truth, partial(reject_icmp, how=how), OFF, soon=True,
                    seconds=20)
    yield cause("rejected with icmp-host-unreachable", SLOWLY_UNREACHABLE,
                partial(reject_icmp, how="icmp-host-unreachable"), beat())
    yield cause("our own link goes down", ROUTELESS, own_link_down, beat())
    yield cause("our own link goes down", GIVEN_UP, own_link_down, OFF, soon=True, seconds=20)
    yield cause("our route becomes unreachable", GIVEN_UP, route_gone, OFF, soon=True, seconds=20)
    yield cause("our address is taken away", Truth(("half_open", "unreachable", "system_aborted"),
                (), "some systems end the socket, and some let it starve"), address_gone, beat())
    yield cause("a NAT forgets and answers with a reset", RESET, forget_and_reset, beat())
    for percent in (30, 45):
        yield cause(f"{percent} % are lost each way", LOSS, partial(lose, percent=percent), "1,1",
                    traffic=False, seconds=40)


def happen(stage, fault, beat, role, traffic, after, soon, adapter):
    network = stage.network()
    if fault in (forget, forget_and_reset):
        network.nat()
    if soon:
        network.give_up_soon(role)
    ours = dict(inside=network.inside(role), heartbeat=beat, adapter=adapter, write_stall=60)
    if traffic:
        ours["every"] = "0.47:30:120"
    if role == "client":
        server = stage.peer("websockets", place=f"{SERVER}:0", inside=network.inside("server"))
        witness = stage.client(server.address, **ours)
    else:
        witness = stage.server(place=f"{SERVER}:0", **ours)
        stage.peer("websockets", "client", f"ws://{witness.address}/",
                   inside=network.inside("client"))
    witness.wait_open()
    stage.sleep(after)
    fault(network)
    return witness.endings(limit=90)


def link_down(network):
    network.router("ip", "link", "set", "r2", "down")


def own_link_down(network):
    network.client("ip", "link", "set", "c0", "down")


def drop_all(network):
    network.drop("FORWARD")


def drop_up(network):
    network.drop("FORWARD", "-s", CLIENT)


def drop_down(network):
    network.drop("FORWARD", "-s", SERVER)


def reject_reset(network):
    network.reject(how="tcp-reset")


def reject_icmp(network, how):
    network.reject("-s", CLIENT, how=how)


def kill_socket(role):
    def kill(network):
        network.run(role, "ss", "-K", "dst", SERVER if role == "client" else CLIENT)

    return kill


def route_gone(network):
    network.client("ip", "route", "add", "unreachable", f"{SERVER}/32")


def address_gone(network):
    network.client("ip", "addr", "del", f"{CLIENT}/24", "dev", "c0")


def forget(network):
    network.forget()


def forget_and_reset(network):
    network.router("iptables", "-I", "FORWARD", "-p", "tcp", "-m", "conntrack", "--ctstate",
                   "INVALID", "-j", "REJECT", "--reject-with", "tcp-reset")
    network.forget()


def lose(network, percent):
    network.router("iptables", "-I", "FORWARD", "-m", "statistic", "--mode", "random",
                   "--probability", str(percent / 100), "-j", "DROP")
