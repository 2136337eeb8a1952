// One end of an exchange, with Node's ws: `server SETTINGS` or `client SETTINGS URL`, as
// python_peer.py describes it.
"use strict";
const fs = require("fs");
const path = require("path");
const { WebSocket, WebSocketServer } = require("ws");

const maxPayload = 16 * 1024 * 1024;

function compression(settings) {
  if (settings === "plain") return false;
  const [bits, takeover] = settings.split(",");
  return {
    serverMaxWindowBits: Number(bits),
    clientMaxWindowBits: Number(bits),
    serverNoContextTakeover: takeover === "none",
    clientNoContextTakeover: takeover === "none",
    threshold: 0,
  };
}

function messages() {
  const entries = JSON.parse(fs.readFileSync(path.join(__dirname, "messages.json")));
  return entries.map(({ kind, unit, times }) => {
    const text = unit.repeat(times);
    return kind === "text" ? text : Buffer.from(text);
  });
}

function fail(reason) {
  console.log(`failed: ${reason}`);
  process.exit(1);
}

function server(settings) {
  const perMessageDeflate = compression(settings);
  const listening = new WebSocketServer(
    { host: "127.0.0.1", port: 0, perMessageDeflate, maxPayload },
    () => console.log(`listening on 127.0.0.1:${listening.address().port}`));
  listening.on("connection", (socket) => {
    socket.on("error", (error) => fail(error.message));
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
}

function client(settings, url) {
  const socket = new WebSocket(url, { perMessageDeflate: compression(settings), maxPayload });
  // Each message goes out twice: whole, and in three fragments.
  const waiting = messages().flatMap((message) => [[message, false], [message, true]]);
  let finished = false;
  function next() {
    if (waiting.length === 0) {
      finished = true;
      socket.close(1000, "done");
      return;
    }
    const [message, fragmented] = waiting[0];
    const binary = typeof message !== "string";
    if (!fragmented) {
      socket.send(message, { binary });
      return;
    }
    const bytes = Buffer.from(message);
    const third = Math.floor(bytes.length / 3);
    socket.send(bytes.subarray(0, third), { binary, fin: false });
    socket.send(bytes.subarray(third, 2 * third), { binary, fin: false });
    socket.send(bytes.subarray(2 * third), { binary, fin: true });
  }
  socket.on("upgrade", (response) =>
    console.log(`agreed: ${response.headers["sec-websocket-extensions"] ?? "nothing"}`));
  socket.on("open", next);
  socket.on("error", (error) => fail(error.message));
  socket.on("message", (data, isBinary) => {
    const [message] = waiting.shift();
    const same = data.equals(Buffer.from(message)) && isBinary === (typeof message !== "string");
    if (!same) fail(`${data.length} bytes came back for ${message.length}, binary: ${isBinary}`);
    next();
  });
  socket.on("close", (code, reason) => {
    if (!finished || code !== 1000) fail(`closed with ${code} "${reason}"`);
  });
}

const [role, settings, url] = process.argv.slice(2);
if (role === "server") server(settings);
else client(settings, url);
