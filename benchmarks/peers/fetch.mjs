// What is written first in Node.js: so many workers, each with `fetch`.
const [url, body, calls, atOnce] = process.argv.slice(2);
let left = Number(calls);

async function work() {
  while (left > 0) {
    left -= 1;
    const headers = { "Content-Type": "application/json", "X-Auth-Token": "token" };
    const response = await fetch(url, { method: "POST", headers, body });
    if (!response.ok) throw new Error(response.status);
    await response.json();
  }
}

await Promise.all(Array.from({ length: Number(atOnce) }, work));
