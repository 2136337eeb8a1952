"""What is there, and what can be installed: programs, Python's packages, Node's, Go's."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

from . import network
from .stage import HERE, PEERS

PYTHON = ["websockets==17.4", "aiohttp==3.14.5", "uvicorn==0.54.0", "starlette==1.10.0"]
MORE_PYTHON = ["daphne==4.2.3", "channels==4.3.2"]
NODE = ["ws@8.23.0"]
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "farewell-ci" / "endings"


class Tools:
    """What the causes can use. `lacks` says why something cannot be used."""

    def __init__(self, short, witness):
        self.why = {}
        self.programs = {}
        for name in ("nginx", "haproxy", "caddy", "openssl", "stunnel4", "ss", "conntrack",
                     "iptables", "ip", "node", "npm", "go"):
            found = shutil.which(name, path=PATH)
            if found:
                self.programs[name] = found
            else:
                self.why[name] = f"no {name}"
        self.witness = witness or build_witness()
        wanted = PYTHON if short else PYTHON + MORE_PYTHON
        self.packages = installed("python", wanted, lambda folder: [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--root-user-action=ignore", "--target", folder, *wanted])
        if self.packages is None:
            self.why["python"] = "Python's packages cannot be installed"
        self.modules = self.node()
        self.gorilla = None if short else self.build_gorilla()
        self.namespaces()

    def node(self):
        if not {"node", "npm"} <= self.programs.keys():
            self.why["node"] = "no Node with npm, for its ws"
            return None
        folder = installed("node", NODE, lambda folder: [
            "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *NODE])
        if folder is None:
            self.why["node"] = "Node's ws cannot be installed"
        return folder

    def build_gorilla(self):
        """Debian has gorilla as a package of sources, outside of any module."""
        sources = "/usr/share/gocode"
        if "go" not in self.programs:
            self.why["gorilla"] = "no Go"
        elif not os.path.isdir(f"{sources}/src/github.com/gorilla/websocket"):
            self.why["gorilla"] = "no golang-github-gorilla-websocket-dev"
        else:
            program = cache() / "gorilla"
            program.parent.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(
                ["go", "build", "-o", program, "main.go"], cwd=PEERS / "gorilla",
                env=dict(os.environ, GO111MODULE="off", GOPATH=sources, GOFLAGS=""))
            if done.returncode == 0:
                return program
            self.why["gorilla"] = "its peer cannot be built"
        return None

    def namespaces(self):
        lacking = [self.why[name] for name in ("ip", "iptables", "conntrack") if name in self.why]
        reason = lacking[0] if lacking else network.missing()
        if reason:
            self.why["namespaces"] = reason
        else:
            network.remove_left_over()

    def lacks(self, cause):
        """Why the cause cannot run, or nothing."""
        return next((self.why[need] for need in cause.needs if need in self.why), None)

    def program(self, name):
        return self.programs[name]

    @property
    def python(self):
        return sys.executable

    def peer(self, kind):
        return {
            "websockets": [self.python, PEERS / "websockets_peer.py"],
            "aiohttp": [self.python, PEERS / "aiohttp_peer.py"],
            "node": [self.programs.get("node"), PEERS / "node_peer.cjs"],
            "gorilla": [self.gorilla],
        }[kind]

    def environment(self):
        return dict(os.environ, PATH=PATH, PYTHONPATH=str(self.packages or ""),
                    PYTHONDONTWRITEBYTECODE="1",
                    NODE_PATH=str(self.modules / "node_modules") if self.modules else "")


def build_witness():
    command = ["cargo", "build", "--locked", "--message-format=json"]
    done = subprocess.run(command, cwd=HERE / "witness", stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("the witness cannot be built")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            return message["executable"]
    sys.exit("cargo names no witness")


def installed(name, wanted, command):
    """The folder in which these packages are, once they are."""
    digest = hashlib.sha256(" ".join([sys.version, *wanted]).encode()).hexdigest()[:16]
    folder = cache() / f"{name}-{digest}"
    if folder.exists():
        return folder
    incomplete = cache() / f"{name}-incomplete-{os.getpid()}"
    shutil.rmtree(incomplete, ignore_errors=True)
    incomplete.mkdir(parents=True)
    try:
        subprocess.run(command(incomplete), check=True, timeout=300, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{' '.join(wanted)} cannot be installed: {error}")
        shutil.rmtree(incomplete, ignore_errors=True)
        return None
    return incomplete.rename(folder)
