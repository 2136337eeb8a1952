"""A server or a client on Python's websockets that ends connections as it is told.

    websockets_peer.py server|client PLACE [NAME=VALUE]...

    ping=5,3            its own keepalive: interval and timeout
    idle=20:HOW         ends it after 20 s without a message
    life=20:HOW         ends it 20 s after it opened
    say=1:10            sends 10 bytes every second, say=1:10:5 for 5 s
    upload=3:1000000    sends a message of that size after 3 s
    block=3:8           blocks the event loop for 8 s after 3 s
    deaf=3              reads nothing any more after 3 s
    mute=1              answers no message
    limit=100000        takes no larger messages
    busy=503:2:4        answers the first two requests with 503 and Retry-After: 4
    token=NEW           answers 401 to requests whose Authorization is another; each of several
                        (token=A,B) is good for one connection

HOW is fin, rst, or a close code with a reason: 1000:idle.
"""
import asyncio
import socket
import struct
import sys
import time

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


class Peer:
    def __init__(self, settings):
        self.settings = settings
        self.heard = time.monotonic()

    def pair(self, name):
        first, _, rest = self.settings[name].partition(":")
        return float(first), rest

    async def live(self, ws):
        print("open", flush=True)
        self.heard = time.monotonic()
        acts = {"idle": self.idle, "life": self.life, "say": self.say, "upload": self.upload,
                "block": self.block}
        tasks = [asyncio.create_task(act(ws)) for name, act in acts.items()
                 if name in self.settings]
        if "deaf" in self.settings:
            asyncio.get_running_loop().call_later(
                float(self.settings["deaf"]), ws.transport.pause_reading)
        try:
            async for message in ws:
                self.heard = time.monotonic()
                if "mute" not in self.settings:
                    await ws.send(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            for task in tasks:
                task.cancel()

    async def idle(self, ws):
        span, how = self.pair("idle")
        while (left := self.heard + span - time.monotonic()) > 0:
            await asyncio.sleep(left)
        await end(ws, how)

    async def life(self, ws):
        span, how = self.pair("life")
        await asyncio.sleep(span)
        await end(ws, how)

    async def say(self, ws):
        every, rest = self.pair("say")
        size, _, until = rest.partition(":")
        began = time.monotonic()
        while not until or time.monotonic() < began + float(until):
            await asyncio.sleep(every)
            await ws.send(b"x" * int(size))

    async def upload(self, ws):
        at, size = self.pair("upload")
        await asyncio.sleep(at)
        await ws.send(b"x" * int(size))

    async def block(self, ws):
        at, span = self.pair("block")
        await asyncio.sleep(at)
        time.sleep(float(span))


class Door:
    """Lets a request in, or says why not."""

    def __init__(self, settings):
        self.status, self.left, self.after = None, 0, ""
        if "busy" in settings:
            status, left, self.after = settings["busy"].split(":")
            self.status, self.left = int(status), int(left)
        self.tokens = settings["token"].split(",") if "token" in settings else None

    def __call__(self, connection, request):
        if self.left:
            self.left -= 1
            print("refused", flush=True)
            response = connection.respond(self.status, "not now")
            if self.after:
                response.headers["Retry-After"] = self.after
            return response
        if self.tokens:
            if request.headers.get("Authorization") != self.tokens[0]:
                print("refused", flush=True)
                return connection.respond(401, "another token")
            self.tokens = self.tokens[1:] or self.tokens
        return None


async def end(ws, how):
    if how == "fin":
        ws.transport.close()
    elif how == "rst":
        sock = ws.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ws.transport.abort()
    else:
        code, _, reason = how.partition(":")
        await ws.close(int(code), reason)


async def main():
    role, place, *rest = sys.argv[1:]
    settings = dict(setting.split("=", 1) for setting in rest)
    interval, timeout = (float(part) for part in settings["ping"].split(",")) \
        if "ping" in settings else (None, None)
    options = dict(ping_interval=interval, ping_timeout=timeout, compression=None,
                   max_size=int(settings["limit"]) if "limit" in settings else None)
    if role == "client":
        async with connect(place, proxy=None, open_timeout=60, **options) as ws:
            await Peer(settings).live(ws)
        return
    host, port = place.rsplit(":", 1)
    async with serve(lambda ws: Peer(settings).live(ws), host, int(port),
                     process_request=Door(settings), **options) as server:
        address = server.sockets[0].getsockname()
        print(f"listening {address[0]}:{address[1]}", flush=True)
        await server.wait_closed()


asyncio.run(main())
