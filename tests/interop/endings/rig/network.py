"""Network namespaces: a client, a router and a server, joined by two cables.

```
client 10.77.1.2 -- 10.77.1.1 router 10.77.2.1 -- 10.77.2.2 server
```

Nothing of it is seen outside: every address exists only inside the namespaces.
"""
import itertools
import os
import subprocess
import threading

PREFIX = "farewell"
CLIENT, SERVER = "10.77.1.2", "10.77.2.2"
numbers = itertools.count(1)
lock = threading.Lock()


def tool(*command, given=None):
    done = subprocess.run(command, input=given, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def missing():
    """Why there can be no namespaces, or nothing."""
    if os.geteuid() != 0:
        return "not root"
    try:
        with Network() as network:
            network.drop("FORWARD")
            network.router("conntrack", "-F")
    except OSError as error:
        return str(error)
    return None


def remove_left_over():
    """Removes what a rig that was killed left behind."""
    for line in tool("ip", "netns", "list").splitlines():
        name = line.split()[0] if line.split() else ""
        parts = name.split("-")
        if parts[0] == PREFIX and len(parts) == 4 and not os.path.exists(f"/proc/{parts[1]}"):
            tool("ip", "netns", "delete", name)


class Network:
    def __init__(self):
        self.name = f"{PREFIX}-{os.getpid()}-{next(numbers)}"
        self.spaces = {role: f"{self.name}-{role}" for role in ("client", "router", "server")}

    def __enter__(self):
        try:
            # The kernel serves one at a time anyway.
            with lock:
                self.join()
        except BaseException:
            self.__exit__()
            raise
        return self

    def join(self):
        client, router, server = self.spaces.values()
        for space in self.spaces.values():
            tool("ip", "netns", "add", space)
        for end, space, net in (("c0", client, 1), ("s0", server, 2)):
            tool("ip", "link", "add", end, "netns", space, "type", "veth",
                 "peer", "name", f"r{net}", "netns", router)
            tool("ip", "-n", space, "-batch", "-", given=f"""
                link set lo up
                addr add 10.77.{net}.2/24 dev {end}
                link set {end} up
                route add default via 10.77.{net}.1
            """)
            tool("ip", "-n", router, "-batch", "-", given=f"""
                addr add 10.77.{net}.1/24 dev r{net}
                link set r{net} up
            """)
        self.router("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def __exit__(self, *_):
        for space in self.spaces.values():
            try:
                tool("ip", "netns", "delete", space)
            except OSError:
                pass

    def inside(self, role):
        """What a command begins with that runs there."""
        return ["ip", "netns", "exec", self.spaces[role]]

    def run(self, role, *command):
        return tool(*self.inside(role), *command)

    def client(self, *command):
        return self.run("client", *command)

    def router(self, *command):
        return self.run("router", *command)

    def server(self, *command):
        return self.run("server", *command)

    def drop(self, chain, *match):
        self.router("iptables", "-I", chain, *match, "-j", "DROP")

    def reject(self, *match, how):
        self.router("iptables", "-I", "FORWARD", "-p", "tcp", *match, "-j", "REJECT",
                    "--reject-with", how)

    def give_up_soon(self, role):
        """Lets the kernel of that end give up after a few seconds, not a quarter of an hour."""
        self.run(role, "sysctl", "-qw", "net.ipv4.tcp_retries2=3")

    def nat(self):
        """Lets the router hide the client, and drop what it knows nothing of."""
        self.router("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "r2", "-j", "MASQUERADE")
        self.router("iptables", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID",
                    "-j", "DROP")
        self.router("sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0")

    def forget(self):
        """Lets the router lose its state, as one that restarts does."""
        self.router("conntrack", "-F")
