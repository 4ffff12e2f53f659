// The official library for Standard Webhooks accepts what the service signed, and ours accepts what that library signs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { verifyEvent } from "../index.js";

const { secret, headers, body } = JSON.parse(process.env.OTP_SIGNED_EVENT ?? "{}");

test("the official library verifies an event of the service, and so does this client", async () => {
  assert.deepEqual(new Webhook(secret).verify(body, headers), JSON.parse(body));
  assert.deepEqual(await verifyEvent(body, headers, secret), JSON.parse(body));
});

test("the official library rejects an altered event of the service", () => {
  assert.throws(() => new Webhook(secret).verify(`${body} `, headers));
});

test("this client verifies what the official library signs", async () => {
  const now = new Date();
  const signature = new Webhook(secret).sign("msg_1", now, body);
  const sent = { "webhook-id": "msg_1", "webhook-timestamp": String(Math.floor(now / 1_000)), "webhook-signature": signature };

  assert.deepEqual(await verifyEvent(body, sent, secret), JSON.parse(body));
});
