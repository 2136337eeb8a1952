"""An application for uvicorn and daphne: an echo at /, by raw ASGI and by starlette.

Set by the environment: CLOSE=20:1000:idle closes with that code and reason after 20 s.
"""
import asyncio
import os

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect


async def echo(ws):
    await ws.accept()
    after, _, how = os.environ.get("CLOSE", "").partition(":")
    closing = None
    if after:
        code, _, reason = how.partition(":")

        async def close():
            await asyncio.sleep(float(after))
            await ws.close(int(code), reason)

        closing = asyncio.create_task(close())
    try:
        while True:
            message = await ws.receive()
            if message["type"] == "websocket.disconnect":
                break
            if message.get("text") is not None:
                await ws.send_text(message["text"])
            elif message.get("bytes") is not None:
                await ws.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        pass
    finally:
        if closing:
            closing.cancel()


app = Starlette(routes=[WebSocketRoute("/", echo)])
