// A server or a client on Node's ws that ends connections as it is told; see websockets_peer.py.
//
//     node node_peer.cjs server|client PLACE [NAME=VALUE]...
//
// It knows ping, idle, life, say, block, deaf, mute and limit; ping=5 is the heartbeat of its
// documentation: terminate() where no Pong came until the next Ping. tls=1 asks for HTTPS alone, without WebSocket.
"use strict";
const { WebSocket, WebSocketServer } = require("ws");

const [role, place, ...rest] = process.argv.slice(2);
const settings = Object.fromEntries(rest.map((text) => text.split(/=(.*)/s).slice(0, 2)));

function pair(name) {
  const [first, ...more] = settings[name].split(":");
  return [1000 * Number(first), more.join(":")];
}

function end(ws, how) {
  if (how === "fin") ws._socket.end();
  else if (how === "rst") ws._socket.resetAndDestroy();
  else if (how === "terminate") ws.terminate();
  else {
    const [code, ...reason] = how.split(":");
    ws.close(Number(code), reason.join(":"));
  }
}

function live(ws) {
  console.log("open");
  ws.on("error", () => {});
  let timer = null;
  const arm = () => {
    if (!("idle" in settings)) return;
    clearTimeout(timer);
    const [span, how] = pair("idle");
    timer = setTimeout(() => end(ws, how), span);
  };
  arm();
  ws.on("message", (data, binary) => {
    arm();
    if (!("mute" in settings)) ws.send(data, { binary });
  });
  const timers = [];
  ws.on("close", () => {
    clearTimeout(timer);
    timers.forEach(clearInterval);
  });
  if ("life" in settings) {
    const [span, how] = pair("life");
    timers.push(setTimeout(() => end(ws, how), span));
  }
  if ("say" in settings) {
    const [every, size] = pair("say");
    timers.push(setInterval(() => ws.send(Buffer.alloc(parseInt(size))), every));
  }
  if ("block" in settings) {
    const [at, span] = pair("block");
    setTimeout(() => {
      const until = Date.now() + 1000 * Number(span);
      while (Date.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }, at);
  }
  if ("deaf" in settings) setTimeout(() => ws.pause(), 1000 * Number(settings.deaf));
  if ("ping" in settings) {
    let alive = true;
    ws.on("pong", () => (alive = true));
    timers.push(setInterval(() => {
      if (!alive) return ws.terminate();
      alive = false;
      ws.ping();
    }, 1000 * parseFloat(settings.ping)));
  }
}

if (role === "client") {
  const ws = new WebSocket(place, { perMessageDeflate: false });
  ws.on("open", () => live(ws));
  ws.on("error", () => {});
} else {
  const [host, port] = place.split(/:(?=[0-9]+$)/);
  const listening = (server) => () => {
    const address = server.address();
    console.log(`listening ${address.address}:${address.port}`);
  };
  if ("tls" in settings) {
    const fs = require("fs");
    const pem = fs.readFileSync(settings.tls);
    const server = require("https").createServer({ key: pem, cert: pem });
    server.listen(Number(port), host, listening(server));
  } else {
    const server = new WebSocketServer({ host, port: Number(port), maxPayload: Number(settings.limit || 0) });
    server.on("connection", live);
    server.on("listening", listening(server));
  }
}
