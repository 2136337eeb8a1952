"""A server on aiohttp: aiohttp_peer.py server HOST:PORT [heartbeat=3] [idle=20:HOW] [life=20:HOW].

It answers messages; HOW is fin, or a close code with a reason: 1000:idle. Any other path than / is
answered with 404, and a request without Upgrade as aiohttp does it.
"""
import asyncio
import socket
import sys
import time

from aiohttp import WSMsgType, web


async def handle(request):
    settings = request.app["settings"]
    ws = web.WebSocketResponse(heartbeat=settings.get("heartbeat"), compress=False)
    await ws.prepare(request)
    print("open", flush=True)
    heard = time.monotonic()

    async def end(span, how, since):
        while (left := since() + span - time.monotonic()) > 0:
            await asyncio.sleep(left)
        if how == "fin":
            request.transport.close()
        else:
            code, _, reason = how.partition(":")
            await ws.close(code=int(code), message=reason.encode())

    opened = heard
    tasks = [asyncio.create_task(end(*settings[name], since))
             for name, since in (("idle", lambda: heard), ("life", lambda: opened))
             if name in settings]
    try:
        async for message in ws:
            heard = time.monotonic()
            if message.type == WSMsgType.BINARY:
                await ws.send_bytes(message.data)
            elif message.type == WSMsgType.TEXT:
                await ws.send_str(message.data)
    finally:
        for task in tasks:
            task.cancel()
    return ws


def setting(text):
    name, value = text.split("=", 1)
    if name == "heartbeat":
        return name, float(value)
    span, how = value.split(":", 1)
    return name, (float(span), how)


async def main():
    _, place, *rest = sys.argv[1:]
    app = web.Application()
    app["settings"] = dict(setting(text) for text in rest)
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    host, port = place.rsplit(":", 1)
    sock = socket.create_server((host, int(port)))
    await web.SockSite(runner, sock).start()
    print("listening %s:%d" % sock.getsockname()[:2], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
