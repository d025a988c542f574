// A small consumer of Vigil's webhooks with nothing but Node 18 or later.
//
// It verifies each webhook over the bytes as they came, appends it to a file that it syncs, and only
// then answers: what was answered with 204 is on disk, and a webhook that comes again is dropped. What
// takes time belongs in a worker that reads the file, not into the request.
//
//     node receiver.mjs --secret-file secret --inbox inbox.jsonl --port 8500
//
// With the package `standardwebhooks` from npm, `verify` below becomes
// `new Webhook(secret).verify(body, request.headers)`, which knows v1 but not v1a.

import { createHmac, createPublicKey, timingSafeEqual, verify as verifyEd25519 } from "node:crypto";
import { existsSync, createReadStream, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const toleranceS = 300;
const longestBody = 1 << 20;
const mostIDs = 1_000_000;

const { values: options } = parseArgs({
  options: {
    "secret-file": { type: "string" },
    inbox: { type: "string", default: "inbox.jsonl" },
    port: { type: "string", default: "8500" },
  },
});

// One key a line: whsec_… or whpk_…; two while secrets are exchanged.
const keys = readFileSync(options["secret-file"], "ascii")
  .split("\n")
  .map((line) => line.trim())
  .filter((line) => line && !line.startsWith("#"))
  .map((line) => {
    const bytes = Buffer.from(line.slice(line.indexOf("_") + 1), "base64");
    if (line.startsWith("whsec_") && bytes.length >= 24) return { version: "v1", bytes };
    if (!line.startsWith("whpk_") || bytes.length !== 32) throw new Error("no whsec_ or whpk_");
    // The bare key behind the fixed head of its DER form.
    const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), bytes]);
    return { version: "v1a", key: createPublicKey({ key: der, format: "der", type: "spki" }) };
  });

/** Whether one of our keys made one of the signatures, not long ago. */
function verify(body, headers) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!id || id.includes(".") || !/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceS) return false;
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const signatures = (headers["webhook-signature"] ?? "").split(" ").slice(0, 16);
  return signatures.some((text) => {
    const [version, code] = text.split(",", 2);
    const signature = Buffer.from(code ?? "", "base64");
    return keys.some((key) => {
      if (key.version !== version) return false;
      if (key.version === "v1a") return verifyEd25519(null, signed, key.key, signature);
      const expected = createHmac("sha256", key.bytes).update(signed).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    });
  });
}

// Ids that were taken, the newest of them: read back at the start.
const taken = new Set();
function remember(id) {
  taken.add(id);
  if (taken.size > mostIDs) taken.delete(taken.values().next().value);
}
if (existsSync(options.inbox)) {
  for await (const line of createInterface({ input: createReadStream(options.inbox) })) {
    try {
      remember(JSON.parse(line).id);
    } catch {
      // A line that a crash cut off was not answered, and comes again.
    }
  }
}
const inbox = await open(options.inbox, "a", 0o600);

// One webhook after the other, so that two with the same id cannot both be new.
let last = Promise.resolve();
async function keep(id, body) {
  if (taken.has(id)) return;
  const event = JSON.parse(body);
  const line = JSON.stringify({ id, received_at: new Date().toISOString(), event });
  // The line end in front keeps what a full disk cut off away from what comes next.
  await inbox.appendFile(`\n${line}\n`);
  await inbox.datasync();
  remember(id);
  const { known, alert_id } = event.data ?? {};
  console.error(`${id} ${event.type} alert ${alert_id} item ${known?.set}/${known?.item}`);
}

createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status).end();
  if (request.method !== "POST") return answer(405);
  const parts = [];
  let length = 0;
  try {
    for await (const part of request) {
      length += part.length;
      if (length > longestBody) return answer(413);
      parts.push(part);
    }
    const body = Buffer.concat(parts);
    if (!verify(body, request.headers)) return answer(401);
    const turn = last.then(() => keep(request.headers["webhook-id"], body));
    last = turn.catch(() => {});
    await turn;
    answer(204);
  } catch (error) {
    console.error(`not taken: ${error.message}`);
    answer(500);
  }
}).listen(Number(options.port), "127.0.0.1", () => console.error("listening"));
