"""What comes instead of a 101, or in the middle of what a 101 began."""
import base64
import hashlib
import re
from functools import partial

from rig.cause import Cause, Truth
from rig.process import Process

from .common import adapters, some

STRIPPED = Truth("upgrade_stripped")
STRIPPED_404 = Truth("upgrade_stripped", ("handshake_rejected",),
                     "a 404 is said of a wrong path as well")
TLS = Truth("tls_port")
# OpenSSL sends an alert to some, and nothing to what looks like HTTP.
TLS_SILENT = Truth("tls_port", ("handshake_cut_short",), "it may close without a byte")
REJECTED = Truth("handshake_rejected")
PORTAL = Truth("not_web_socket", ("handshake_rejected", "upgrade_stripped"),
               "the status is certain, and a proxy that strips may get a page as well")
NO_HTTP = Truth("not_web_socket")
STATUSES = (401, 403, 404, 429, 502, 503, 504, 521, 500, 410)
BANNERS = {
    "an SSH server": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
    "a mail server": b"220 mail.example ESMTP ready\r\n500 5.5.2 Error: bad syntax\r\n",
    "redis": b"-ERR wrong number of arguments for 'get' command\r\n",
}


def causes(rng):
    def cause(name, truth, made, *needs, short=True, seconds=3, **named):
        return Cause(name, truth, partial(made, adapter=adapters(rng), **named), seconds, needs,
                     short=short)

    for peer, truth in (("uvicorn", STRIPPED_404), ("daphne", STRIPPED_404), ("gorilla", STRIPPED),
                        ("node", STRIPPED), ("websockets", STRIPPED), ("aiohttp", STRIPPED)):
        needs = {"uvicorn": ("python",), "daphne": ("python", "daphne"), "gorilla": ("gorilla",),
                 "node": ("node",)}.get(peer, ("python",))
        yield cause(f"nginx strips the upgrade before {peer}", truth, stripped, "nginx", *needs,
                    peer=peer, short=peer != "daphne")
    yield cause("nginx strips the upgrade before our server", STRIPPED, stripped_before_us, "nginx",
                "python")
    for server, truth in (("nginx", TLS), ("openssl", TLS_SILENT), ("gorilla", TLS),
                          ("node", TLS_SILENT), ("haproxy", TLS_SILENT)):
        yield cause(f"ws:// to a TLS port of {server}", truth, plain_to_tls, server, "openssl",
                    server=server)
    yield cause("TLS to our ws:// port, by openssl", TLS, tls_to_plain, "openssl")
    for name, banner in BANNERS.items():
        yield cause(f"{name} answers", NO_HTTP, answered, answer=banner)
    for status in STATUSES:
        truth = Truth("handshake_rejected", ("upgrade_stripped",),
                      "frameworks say 404 of a stripped upgrade as well") if status == 404 \
            else REJECTED
        yield cause(f"nginx answers {status}", truth, status_of, "nginx", status=status)
    for status in (429, 503):
        yield cause(f"nginx answers {status} with Retry-After", REJECTED, status_of, "nginx",
                    status=status, retry_after=rng.randrange(5, 300))
    yield cause("nginx answers 502 for a server that is not there", REJECTED, no_server, "nginx")
    yield cause("nginx answers 504 for a server that is too slow", REJECTED, slow_server, "nginx",
                seconds=5)
    yield cause("nginx answers 200 with a page", PORTAL, status_of, "nginx", status=200)
    yield cause("a portal answers 302", PORTAL, status_of, "nginx", status=302)
    yield cause("a portal answers 511", PORTAL, status_of, "nginx", status=511)
    yield cause("a server that accepts and never answers", Truth("handshake_timed_out"), frozen,
                "python", seconds=8)
    yield cause("a server that is killed before it answers", Truth("handshake_cut_short"), cut,
                "python", seconds=5)
    for status in (408, 503):
        yield cause(f"HTTP/1.1 {status} in the middle of an open connection",
                    Truth("http_in_stream"), in_the_middle, status=status,
                    after=some(rng, 1, 5), seconds=6)


def seen(stage, address, adapter, path="/", **named):
    return stage.client(address, path=path, adapter=adapter, **named).endings()


def stripped(stage, peer, adapter):
    server = stage.asgi(peer) if peer in ("uvicorn", "daphne") else stage.peer(peer)
    return seen(stage, stage.nginx(server.address, upgrade=False).address, adapter)


def stripped_before_us(stage, adapter):
    witness = stage.server(adapter=adapter)
    front = stage.nginx(witness.address, upgrade=False)
    stage.peer("websockets", "client", f"ws://{front.address}/")
    return witness.endings()


def plain_to_tls(stage, server, adapter):
    if server in ("nginx", "haproxy"):
        address = getattr(stage, server)("127.0.0.1:9", tls=True).address
    elif server == "openssl":
        address = f"127.0.0.1:{stage.port()}"
        process = stage.start(Process, ["openssl", "s_server", "-accept", address, "-quiet",
                                        "-cert", stage.certificate()])
        stage.wait_listening(address, process)
    else:
        address = stage.peer(server, tls=stage.certificate()).address
    return seen(stage, address, adapter)


def tls_to_plain(stage, adapter):
    witness = stage.server(adapter=adapter)
    stage.start(Process, ["openssl", "s_client", "-connect", witness.address, "-quiet"])
    return witness.endings()


def answered(stage, answer, adapter):
    return seen(stage, stage.plain(answer), adapter)


def status_of(stage, status, adapter, retry_after=None):
    more = (f"location /here {{ default_type text/html; "
            f"return {status} \"<html>{status}</html>\"; }}")
    if status == 302:
        more = "location /here { return 302 http://portal.example/login; }"
    if retry_after:
        more = more.replace("{ ", f"{{ add_header Retry-After {retry_after} always; ", 1)
    return seen(stage, stage.nginx("127.0.0.1:9", more=more).address, adapter, "/here")


def no_server(stage, adapter):
    return seen(stage, stage.nginx(f"127.0.0.1:{stage.port()}").address, adapter)


def slow_server(stage, adapter):
    server = stage.peer("websockets")
    server.stop()
    return seen(stage, stage.nginx(server.address, read=2).address, adapter)


def frozen(stage, adapter):
    server = stage.peer("websockets")
    server.stop()
    return seen(stage, server.address, adapter, handshake_timeout=some(stage.rng, 2, 5))


def cut(stage, adapter):
    server = stage.peer("websockets")
    server.stop()
    witness = stage.client(server.address, adapter=adapter)
    stage.sleep(some(stage.rng, 0.5, 3))
    server.kill()
    return witness.endings()


def in_the_middle(stage, status, after, adapter):
    """A proxy that takes the connection for HTTP again; made by hand."""

    def accept(request):
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)[1]
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n")

    text = f"HTTP/1.1 {status} Enough\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    return seen(stage, stage.plain(accept, text.encode(), after), adapter)
