"""One end of an exchange, with Python's websockets: `server SETTINGS` or `client SETTINGS URL`.

SETTINGS is `plain`, or window bits and takeover as `9,takeover` and `15,none`. A server prints where
it listens and echoes until it is stopped. A client sends the messages of messages.json, checks what
comes back, prints what was agreed and exits with 0 where all of it was right.
"""
import asyncio
import json
import pathlib
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

LIMIT = 16 * 1024 * 1024


def extensions(factory, settings):
    if settings == "plain":
        return None
    bits, takeover = settings.split(",")
    none = takeover == "none"
    return [factory(
        server_no_context_takeover=none, client_no_context_takeover=none,
        server_max_window_bits=int(bits), client_max_window_bits=int(bits))]


def messages():
    path = pathlib.Path(__file__).with_name("messages.json")
    for entry in json.loads(path.read_text()):
        unit = entry["unit"] * entry["times"]
        yield unit if entry["kind"] == "text" else unit.encode()


async def server(settings):
    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    compression = extensions(ServerPerMessageDeflateFactory, settings)
    async with serve(echo, "127.0.0.1", 0, extensions=compression, compression=None,
                     max_size=LIMIT) as listening:
        host, port = listening.sockets[0].getsockname()
        print(f"listening on {host}:{port}", flush=True)
        await listening.serve_forever()


async def client(settings, url):
    compression = extensions(ClientPerMessageDeflateFactory, settings)
    async with connect(url, extensions=compression, compression=None, max_size=LIMIT,
                       proxy=None) as socket:
        agreed = socket.response.headers.get("Sec-WebSocket-Extensions", "nothing")
        print(f"agreed: {agreed}", flush=True)
        for message in messages():
            await socket.send(message)
            check(message, await socket.recv())
            # In three fragments.
            third = len(message) // 3
            await socket.send([message[:third], message[third:2 * third], message[2 * third:]])
            check(message, await socket.recv())
        await socket.close(1000, "done")
        if socket.close_code != 1000:
            sys.exit(f"closed with {socket.close_code} {socket.close_reason}")


def check(sent, received):
    if sent != received:
        sys.exit(f"sent {len(sent)} {type(sent)}, received {len(received)} {type(received)}")


if sys.argv[1] == "server":
    asyncio.run(server(sys.argv[2]))
else:
    asyncio.run(client(sys.argv[2], sys.argv[3]))
