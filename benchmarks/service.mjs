// The service that answers while a client is measured, quick enough not to be what is measured: the purge API and a
// site of any number of URLs. `node service.mjs KEY_AND_CERTIFICATE` prints the ports of HTTP and HTTPS.
//
// It answers as the ZT CDN's API was seen to: HTTP/1.0 with Content-Length, and closed. The first part of a path is
// the latency in milliseconds, from the whole request on: `/50/cdn_api/purge`, `/50/site/any/name`, whose content is
// its name. `/counts` tells what was asked since it was last asked for, and what was wrong with it.
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";

const HEAD_END = "\r\n\r\n";
const fresh = () => ({ calls: 0, looks: 0, wrong: 0, held: 0 });
let counts = fresh();

function problem(method, route, headers, body) {
  if (method !== "POST" || route !== "cdn_api/purge") return "404 NOT FOUND";
  if (headers.get("x-auth-token") !== "token") return "401 UNAUTHORIZED";
  if (headers.get("content-type") !== "application/json") return "400 BAD REQUEST";
  const { urls } = JSON.parse(body);
  if (!(urls?.length >= 1 && urls.length <= 10 && urls.every((url) => /^https?:\/\/[^/]+\//.test(url)))) return "400 BAD REQUEST";
  counts.calls += 1;
  return "";
}

function answer(method, route, headers, body) {
  if (route === "counts") {
    const told = JSON.stringify(counts);
    counts = fresh();
    return ["200 OK", "application/json", told];
  }
  if (method === "GET" && route.startsWith("site/")) {
    counts.looks += 1;
    return ["200 OK", "text/html", route.slice(route.lastIndexOf("/") + 1)];
  }
  const status = problem(method, route, headers, body);
  if (status) {
    counts.wrong += 1;
    return [status, "application/json", JSON.stringify({ error: status })];
  }
  const receipt = { ret: 0, msg: "OK", reqId: `bench-${counts.calls}`, success_rate: 100 };
  return ["200 OK", "application/json", JSON.stringify({ zt_api: receipt })];
}

function serve(socket) {
  let text = "";
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (data) => {
    text += data.toString("latin1");
    const end = text.indexOf(HEAD_END);
    if (end < 0) return;
    const [line, ...fields] = text.slice(0, end).split("\r\n");
    const headers = new Map(fields.map((field) => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }));
    const body = text.slice(end + HEAD_END.length);
    if (body.length < Number(headers.get("content-length") ?? 0)) return;
    const began = performance.now();
    const [method, target] = line.split(" ");
    const [, latency, route] = /^\/(\d+)\/(.*)$/.exec(target) ?? [undefined, "0", target.slice(1)];
    const send = () => {
      const [status, type, content] = answer(method, route, headers, body);
      if (route !== "counts") counts.held += (performance.now() - began) / 1000;
      socket.end(`HTTP/1.0 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(content)}\r\n\r\n${content}`);
    };
    if (latency === "0") send();
    else setTimeout(send, Number(latency));
  });
}

const pem = readFileSync(process.argv[2]);
const plain = createServer({ backlog: 1024 }, serve);
const secure = createTlsServer({ key: pem, cert: pem, backlog: 1024 }, serve);
plain.listen(0, "127.0.0.1", 1024, () => {
  secure.listen(0, "127.0.0.1", 1024, () => {
    console.log(JSON.stringify({ http: plain.address().port, https: secure.address().port }));
  });
});
process.stdin.resume().on("end", () => process.exit()); // whoever started it has gone
