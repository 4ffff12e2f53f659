// verifyEvent: what the service signs is accepted, everything else is not.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { verifyEvent } from "../index.js";

const secret = `whsec_${randomBytes(32).toString("base64")}`;
const body = JSON.stringify({ id: "ev_1", type: "user.created", at: "2026-01-01T00:00:00Z", data: { userId: 1 } });

function headersOf(text, { at = Math.floor(Date.now() / 1_000), key = secret, id = "msg_1" } = {}) {
  const raw = Buffer.from(key.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", raw).update(`${id}.${at}.${text}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": `v1,${signature}` };
}

test("an event that the service signed is returned, whatever the form of body and headers", async () => {
  const headers = headersOf(body);

  assert.equal((await verifyEvent(body, headers, secret)).type, "user.created");
  assert.equal((await verifyEvent(Buffer.from(body), new Headers(headers), [secret])).data.userId, 1);
  const spelled = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  assert.equal((await verifyEvent(body, spelled, secret)).id, "ev_1");
});

test("while secrets are rotated, either of two signatures and secrets is enough", async () => {
  const old = `whsec_${randomBytes(32).toString("base64")}`;
  const [first, second] = [headersOf(body, { key: old }), headersOf(body)];
  const both = { ...second, "webhook-signature": `v1a,xyz ${first["webhook-signature"]} ${second["webhook-signature"]}` };

  assert.ok(await verifyEvent(body, both, secret));
  assert.ok(await verifyEvent(body, headersOf(body), [old, secret]));
});

const old = Math.floor(Date.now() / 1_000) - 301;
const refused = {
  "another body": [`${body} `, headersOf(body)],
  "another secret": [body, headersOf(body, { key: `whsec_${randomBytes(32).toString("base64")}` })],
  "another id": [body, { ...headersOf(body), "webhook-id": "msg_2" }],
  "an old event": [body, headersOf(body, { at: old })],
  "an event from the future": [body, headersOf(body, { at: old + 900 })],
  "another time": [body, { ...headersOf(body), "webhook-timestamp": String(old + 300) }],
  "no time": [body, { ...headersOf(body), "webhook-timestamp": "now" }],
  "no headers": [body, {}],
  "another version": [body, { ...headersOf(body), "webhook-signature": "v2,AAAA" }],
  "no base64": [body, { ...headersOf(body), "webhook-signature": "v1,%%%" }],
};

for (const [name, [text, headers]] of Object.entries(refused)) {
  test(`${name} is refused`, async () => {
    await assert.rejects(verifyEvent(text, headers, secret), Error);
  });
}
