"""Where a cause is made: everything that it starts ends with it."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from . import network, proxies
from .cause import NotMade
from .process import Peer, Process, Witness
from .relay import Relay

HERE = pathlib.Path(__file__).resolve().parent.parent
PEERS = HERE / "peers"

stages = set()
# Set where the rig is interrupted: whoever waits then gives up.
stopping = threading.Event()


class Stage(contextlib.ExitStack):
    """The stage of one cause, with what is installed and its own random numbers."""

    def __init__(self, tools, rng):
        super().__init__()
        self.tools, self.rng = tools, rng
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="farewell-endings-"))
        self.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.log = open(self.folder / "log", "w+", errors="replace")
        self.callback(self.log.close)
        stages.add(self)
        self.callback(stages.discard, self)
        self.processes = []
        self.checks, self.failures = 0, []

    def check(self, holds, otherwise):
        """Something that has to be so, besides what is said of the ending."""
        self.checks += 1
        if not holds:
            self.failures.append(otherwise)

    def said(self):
        """What the programs wrote beside their lines, its end."""
        self.log.flush()
        with open(self.folder / "log", errors="replace") as log:
            return log.read()[-2000:]

    def start(self, kind, command, environment=None, inside=()):
        if stopping.is_set():
            raise NotMade("interrupted")
        process = kind([*inside, *command], self.log, environment, self.folder)
        self.callback(process.close)
        self.processes.append(process)
        return process

    def run(self, *command):
        subprocess.run(command, stdout=self.log, stderr=self.log, check=True, timeout=60)

    def sleep(self, seconds):
        if stopping.wait(seconds):
            raise NotMade("interrupted")

    # Our own end.

    def witness(self, task, place, *options, inside=(), **named):
        """Starts a witness; `heartbeat="5,3"` stands for `--heartbeat 5,3`, a list for several."""
        words = list(options)
        for name, value in named.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                words += [f"--{name.replace('_', '-')}", one]
        return self.start(Witness, [self.tools.witness, task, place, *words], inside=inside)

    def client(self, address, *options, path="/", **named):
        return self.witness("client", f"ws://{address}{path}", *options, **named)

    def server(self, *options, place="127.0.0.1:0", **named):
        """A server that witnesses, once it listens."""
        server = self.witness("server", place, *options, **named)
        server.address = server.wait_address()
        return server

    # What others wrote.

    def peer(self, kind, role="server", place="127.0.0.1:0", inside=(), **settings):
        """A peer; a server is returned once it listens, with its address."""
        words = [role, place, *(f"{name}={value}" for name, value in settings.items())]
        peer = self.start(Peer, [*self.tools.peer(kind), *words],
                          self.tools.environment(), inside)
        if role == "server":
            peer.address = peer.wait_address()
        return peer

    def asgi(self, server, *options, inside=(), host="127.0.0.1", **environment):
        """uvicorn or daphne; it takes a port, so that it may be asked for."""
        port = self.port()
        command = {
            "uvicorn": ["-m", "uvicorn", "--host", host, "--port", port, "--log-level", "warning",
                        *options, "asgi_app:app"],
            "daphne": ["-m", "daphne", "-b", host, "-p", port, *options, "asgi_app:app"],
        }[server]
        named = {**self.tools.environment(), **environment}
        named["PYTHONPATH"] += f":{PEERS}"
        process = self.start(Process, [self.tools.python, *command], named, inside)
        process.address = f"{host}:{port}"
        self.wait_listening(process.address, process)
        return process

    def plain(self, answer, behind=b"", after=0.0):
        """A port that answers every request with these bytes, and more of them after a while."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.callback(listener.close)
        # Wakes the thread that accepts.
        self.callback(listener.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=answer_all, args=(listener, answer, behind, after),
                         daemon=True).start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    def relay(self, target, **settings):
        return self.enter_context(contextlib.closing(Relay(target, **settings)))

    def nginx(self, backend, **settings):
        return proxies.Nginx(self, backend, **settings)

    def haproxy(self, backend, **settings):
        return proxies.Haproxy(self, backend, **settings)

    def caddy(self, backend):
        return proxies.Caddy(self, backend)

    def stunnel(self, target):
        return proxies.stunnel(self, target)

    def network(self):
        return self.enter_context(network.Network())

    # Odds and ends.

    def port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def wait_listening(self, address, process, limit=60):
        host, port = address.rsplit(":", 1)
        deadline = time.monotonic() + limit
        while process.child.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.05)
        raise OSError(f"{process.command[0]} does not listen: {self.said()}")

    def certificate(self):
        """A key and its certificate in one file."""
        pem = self.folder / "server.pem"
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem")
        pem.write_bytes((self.folder / "key.pem").read_bytes()
                        + (self.folder / "cert.pem").read_bytes())
        return pem


def answer_all(listener, answer, behind, after):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer_one, args=(connection, answer, behind, after),
                         daemon=True).start()


def answer_one(connection, answer, behind, after):
    with connection:
        try:
            request = b""
            while b"\r\n\r\n" not in request and (piece := connection.recv(4096)):
                request += piece
            connection.sendall(answer(request) if callable(answer) else answer)
            if behind:
                time.sleep(after)
                connection.sendall(behind)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(10)
            while connection.recv(4096):
                pass
        except OSError:
            pass


def interrupt():
    """Lets every stage close: what it waits for ends."""
    stopping.set()
    for stage in list(stages):
        for process in list(stage.processes):
            process.close()
