#!/usr/bin/env python3
"""Writes the seed inputs of the fuzz targets into fuzz/corpus/.

An input is a script for its target's body in fuzz/bodies/; the steps are numbered there. Inputs
that a fuzzer found are kept beside the seeds under names of their own and are left alone.
"""

from pathlib import Path
from struct import pack

CORPUS = Path(__file__).parent / "corpus"
SAMPLE_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def mask(payload, key):
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def frame(first, payload, key=None):
    length = len(payload)
    bit = 0x80 if key else 0
    if length < 126:
        head = bytes([first, bit | length])
    elif length < 0x10000:
        head = bytes([first, bit | 126]) + pack(">H", length)
    else:
        head = bytes([first, bit | 127]) + pack(">Q", length)
    return head + (key + mask(payload, key) if key else payload)


def string(data):
    """At most 254 bytes, in front of more steps."""
    return bytes([len(data)]) + data


# The examples of RFC 6455 section 5.7, and what breaks a rule.
KEY = bytes([0x37, 0xFA, 0x21, 0x3D])


def wires(key):
    hello = frame(0x81, b"Hello", key)
    return {
        "5.7-text": hello,
        "5.7-fragments": frame(0x01, b"Hel", key) + frame(0x80, b"lo", key),
        "5.7-ping": frame(0x89, b"Hello", key),
        "5.7-pong": frame(0x8A, b"Hello", key),
        "5.7-binary-256": frame(0x82, bytes(256), key),
        "ping-between-fragments": frame(0x01, "é".encode()[:1], key)
        + frame(0x89, b"p" * 125, key)
        + frame(0x80, "é".encode()[1:], key),
        "close-with-reason": hello + frame(0x88, b"\x03\xe8bye", key) + hello,
        "close-empty": frame(0x88, b"", key),
        "close-mid-message": frame(0x01, b"cut", key) + frame(0x88, b"\x03\xe9", key),
        "close-code-1005": frame(0x88, b"\x03\xed", key),
        "close-one-byte": frame(0x88, b"\x03", key),
        "close-bad-reason": frame(0x88, b"\x03\xe8\xff", key),
        "bad-utf8": frame(0x81, b"ok \xc3\xa9 \xe2\x82A", key),
        "cut-utf8": frame(0x81, b"ok \xe2\x82", key),
        "bad-utf8-second-fragment": frame(0x01, b"\xe2\x82", key) + frame(0x80, b"\xff", key),
        "reserved-bit": hello + frame(0xC1, b"Hello", key),
        "reserved-opcode": hello + frame(0x83, b"", key),
        "wrong-mask": frame(0x81, b"Hello", None if key else KEY),
        "fragmented-ping": frame(0x09, b"", key),
        "unexpected-continuation": hello + frame(0x80, b"lo", key),
        "expected-continuation": frame(0x01, b"Hel", key) + hello,
        "empty-fragments": frame(0x02, b"", key) + frame(0x00, b"", key) * 3,
        "header-cut": hello + frame(0x82, bytes(70000), key)[:9],
        "length-2-63": bytes([0x82, 0xFF if key else 0x7F]) + b"\x80" + bytes(7),
    }


def connections():
    for target, key in [("connection_server", KEY), ("connection_client", None)]:
        for name, wire in wires(key).items():
            # Default settings, output written at once, the stream ends after the wire.
            write(target, name, b"\x00\x00\x02\x01" + b"\x00\xff" + wire)
        hello, close = frame(0x81, b"Hello", key), frame(0x88, b"\x03\xe8", key)
        talk = (
            b"\x07\x01" + string(b"text")
            + b"\x08\x01\x00" + string(b"frag") + b"\x00" + string(hello)
            + b"\x08\x01\x01" + string(b"ment") + b"\x09\x00\x01\x41\x01\x2c\x00"
            + b"\x0a" + string(b"ping") + b"\x0e\x10\x0f"
        )
        write(target, "talk-then-close", b"\x00\x00\x00\x02" + talk + b"\x0b\x03\xe8" + string(b"bye") + b"\x00" + string(hello + close))
        write(target, "talk-lazily", b"\x00\x00\x01\x03" + talk + b"\x0d\x00" + string(close))
        write(target, "heartbeat-answered", b"\x00\x02\x02\x07" + b"\x05\x12\x05\x12\x05\x12")
        write(target, "heartbeat-silent", b"\x00\x00\x02\x07" + b"\x05\x05")
        write(target, "idle", b"\x00\x05\x00\x07" + b"\x05\x05\x05")
        write(target, "write-stalls", b"\x00\x00\x00\x07" + b"\x07\x01" + string(b"text"))
        write(target, "write-fails-then-close", b"\x00\x00\x02\x02" + b"\x07\x01" + string(b"a") + b"\x11\x04\x00" + string(close) + b"\x10\x00")
        write(target, "limits", b"\x00\xc0\x02\x01" + b"\x01\x02\x01" + string(b"x" * 100) + b"\x01\x80\x01" + string(b"y" * 51) + b"\x02\x01\x41\x00\x20")
        write(target, "time-runs-back", b"\x00\x00\x02\x02" + b"\x03\x1e\xff\xff\x04\x1f\xff\xff\x00" + string(hello) + b"\x06\x13\x06\x05")


def sessions():
    for target, key in [("session_server", KEY), ("session_client", None)]:
        for name, wire in wires(key).items():
            # Output written at once, the wire right behind the opening handshake, then its end.
            behind = b"\x12\xff" + wire
            write(target, name, b"\x00\x00\x02\x01" + behind)
        hello, close = frame(0x81, b"Hello", key), frame(0x88, b"\x03\xe8", key)
        talk = (
            b"\x07\x01" + string(b"text")
            + b"\x07\x02" + string(b"owned")
            + b"\x08\x01\x00" + string(b"frag") + b"\x01\x81\x05" + string(b"Hello")
            + b"\x08\x01\x01" + string(b"ment") + b"\x09\x00\x41\x01\x2c"
            + b"\x09\x01\x42\xff\xff" + b"\x0a" + string(b"ping") + b"\x0e\x10\x0f"
        )
        bye = b"\x0b\x03\xe8" + string(b"bye")
        write(target, "talk-then-close", b"\x00\x00\x00\x02\x12\x00\x0f" + talk + bye + b"\x00" + string(hello + close) + b"\x0f")
        write(target, "talk-in-small-fragments", b"\x02\x00\x06\x02" + talk + bye + b"\x00" + string(close))
        write(target, "talk-to-nobody", b"\x01\x00\x04\x02" + talk + talk + bye)
        write(target, "large-messages-in", b"\x00\x00\x06\x01" + b"\x02\x02\x01\x41\xff\xff\x02\x80\x01\x41\xff\xff" + b"\x02\x81\x01\x41\xff\xff")
        write(target, "handshake-times-out", b"\x00\x00\x02\x07" + b"\x00\x05GET /\x05\x05")
        write(target, "heartbeat-silent", b"\x00\x00\x06\x07" + b"\x05\x05\x05")
    write("session_server", "rejected", b"\x00\x00\x0a\x01\x12\x05early\x13\x01\x93" + string(b"no") + b"\x00\x04more")
    write("session_server", "accepted-late", b"\x00\x00\x0a\x01\x12\xff" + wires(KEY)["close-with-reason"])
    write("session_server", "early-data-over-the-limit", b"\x01\x00\x0a\x01\x12\xff" + bytes(400))
    write("session_server", "origin-refused", b"\x00\x00\x0a\x01\x12\x00\x0d\x02\x00\x04more")
    write("session_server", "request-refused", b"\x00\x80\x02\x01\x00\xff" + b"POST / HTTP/1.1\r\nHost: a\r\n\r\nbody and more")
    for target, key in [("session_server", KEY), ("session_client", None)]:
        # Habits: write at once, upgraded, compressing; with 0x20 each message by itself.
        hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
        shared = frame(0xc1, hello, key) + frame(0xc1, b"\xf2\x00\x11\x00\x00", key)
        bomb = b"\x62\x60" + bytes(200) + b"\x00"
        for name, feed in [
            ("shared-window", shared),
            ("fragments", frame(0x41, hello[:3], key) + frame(0x89, b"", key) + frame(0x80, hello[3:], key)),
            ("stored", frame(0xc1, b"\x00\x05\x00\xfa\xffHello\x00", key)),
            ("final-block", frame(0xc1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", key)),
            ("two-blocks", frame(0xc1, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", key)),
            ("empty", frame(0xc2, b"\x00", key)),
            ("cut-short", frame(0xc1, hello[:5], key)),
            ("garbage", frame(0xc2, b"\xff\xff\xff", key)),
            ("bomb", frame(0xc2, bomb, key)),
            ("on-a-continuation", frame(0x41, hello[:3], key) + frame(0xc0, hello[3:], key)),
        ]:
            for habits in [0x16, 0x36]:
                write(target, "compressed-%s-%x" % (name, habits), b"\x00\x00" + bytes([habits, 1, 0, 255]) + feed)
        echo = b"\x02\x81\x01\x61\x02\x00" + b"\x07\x03" + string(b"a message, a message")
        stream = b"\x02\x03\x01\x61\x00\x40" + b"\x02\x83\x01\x61\x00\x10" + b"\x08\x01\x00" + string(b"begun") + b"\x08\x01\x01" + string(b"")
        large = b"\x09\x00\x61\xf0\x00" + b"\x09\x02\x62\x03\x00" + b"\x02\x82\x01\x00\xf0\x00"
        for habits in [0x16, 0x36, 0x14]:
            write(target, "compressed-exchange-%x" % habits, b"\x00\x00" + bytes([habits, 2]) + echo * 2 + stream + echo + large + echo + b"\x0f")
        write(target, "compressed-negotiated", b"\x00\x00\x12\x02\x12\x00" + echo + stream + b"\x0f")
    write("session_client", "refused", b"\x00\x00\x02\x01\x00\xff" + b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot here")
    write("session_client", "not-http", b"\x00\x00\x02\x01\x00\xff" + b"SSH-2.0-OpenSSH_9.6\r\n")


def frame_headers():
    for name, first, key, length in [
        ("5.7-text", 0x81, None, 5),
        ("5.7-text-masked", 0x81, KEY, 5),
        ("5.7-binary-256", 0x82, None, 256),
        ("5.7-binary-64k", 0x82, None, 65536),
        ("binary-64k-masked", 0x82, KEY, 65536),
        ("ping-masked", 0x89, KEY, 125),
    ]:
        write("frame_header", name, bytes([1 if key else 0]) + frame(first, bytes(length), key)[:14])
    for name, wire in [
        ("reserved-bit", b"\x00\xc1\x00"),
        ("reserved-opcode", b"\x00\x83\x00"),
        ("fragmented-ping", b"\x00\x09\x00"),
        ("long-ping", b"\x00\x89\x7e"),
        ("masked-by-server", b"\x00\x81\x80"),
        ("unmasked-by-client", b"\x01\x81\x00"),
        ("not-minimal-16", b"\x00\x82\x7e\x00\x7d"),
        ("not-minimal-64", b"\x00\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
        ("length-2-63", b"\x00\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"),
    ]:
        write("frame_header", name, wire)


REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: " + SAMPLE_KEY + b"\r\n"
    b"Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
)


def requests():
    change = REQUEST.replace
    for name, wire in {
        "1.2-example": REQUEST,
        "with-a-frame-behind": REQUEST + frame(0x81, b"Hello", KEY),
        "absolute-target": change(b"/chat ", b"http://[::1]:80/chat?a=b "),
        "extensions": change(b"Origin", b'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; a="b\\c", x\r\nOrigin'),
        "same-host": change(b"http://example.com", b"https://SERVER.example.com:443"),
        "no-origin": change(b"Origin: http://example.com\r\n", b""),
        "post": change(b"GET", b"POST"),
        "http-1.0": change(b"HTTP/1.1", b"HTTP/1.0"),
        "version-8": change(b"Version: 13", b"Version: 8"),
        "body": change(b"Origin", b"Content-Length: 0\r\nOrigin"),
        "folded": change(b"Origin: ", b"Origin:\r\n "),
        "bare-lf": change(b"\r\n", b"\n"),
        "short-key": change(SAMPLE_KEY, b"c2hvcnQ="),
        "plain-get": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    }.items():
        write("handshake_request", name, b"\x00\x00" + wire)
    write("handshake_request", "small-limits", b"\x01\x00" + REQUEST)


def responses():
    change = RESPONSE.replace
    for name, wire in {
        "1.2-example": RESPONSE,
        "with-a-frame-behind": RESPONSE + frame(0x81, b"Hello"),
        "after-early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + RESPONSE,
        "wrong-accept": change(b"s3pP", b"S3pP"),
        "extension-not-offered": change(b"Sec-WebSocket-Protocol: chat", b"Sec-WebSocket-Extensions: permessage-deflate"),
        "subprotocol-not-requested": change(b": chat", b": other"),
        "not-found": b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
        "chunked": b"HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nback\r\n5\r\n soon\r\n0\r\n\r\n",
        "until-the-end": b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>" + b"x" * 100,
        "redirection": b"HTTP/1.1 301 Moved Permanently\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
        "cut": RESPONSE[:60],
        "not-http": b"SSH-2.0-OpenSSH_9.6\r\n",
    }.items():
        write("handshake_response", name, b"\x00\x00" + wire)
    write("handshake_response", "small-limits", b"\x01\x00" + RESPONSE)
    uri = b"\x80\x00" + string(b"wss://example.com:8443/chat?room=1")
    fields = b"\x04\x00" + string(b"chat") + b"\x01" + string(b"https://example.com") + b"\x02" + string(b"other:80") + b"\x03" + string(b"Bearer abc") + string(b"Authorization")
    write("handshake_response", "conversation-accepted", uri + fields + string(b"Set-Cookie") + string(b"seen=1") + b"\x00")
    write("handshake_response", "conversation-rejected", uri + fields + string(b"Location") + string(b"/there") + b"\x01\x01\x2d" + string(b"gone"))


frame_headers()
connections()
sessions()
requests()
responses()
