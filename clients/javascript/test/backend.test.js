// OtpBackend against the running service, with an API key.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OtpBackend, OtpError } from "../index.js";
import { baseUrl, codeOn, needed, newPerson, patience, signedIn } from "./setup.js";

const key = needed("OTP_KEY");

function newBackend(options = {}) {
  const sent = [];
  const { fetch: through = globalThis.fetch, ...more } = options;
  const fetch = (url, request) => {
    sent.push({ url, key: request.headers["Idempotency-Key"] });
    return through(url, request);
  };
  return { backend: new OtpBackend({ baseUrl, key, fetch, ...patience, ...more }), sent };
}

const { backend } = newBackend();
const newNumber = () => newPerson().phoneNumber;
const wrong = (code) => String((Number(code) + 1) % 10 ** code.length).padStart(code.length, "0");

/** Lose the response to the first request whose path ends like this. */
function losing(ending) {
  let lost = 0;
  return async (url, request) => {
    const response = await fetch(url, request);
    if (url.endsWith(ending) && lost++ === 0) throw new TypeError("terminated");
    return response;
  };
}

test("a number is verified by the right code, once", async () => {
  const phoneNumber = newNumber();

  const started = await backend.createVerification({ phoneNumber, reference: "order-1042", locale: "de-AT" });
  const code = await codeOn(phoneNumber);
  const approval = await backend.checkVerification(started.id, code);

  assert.deepEqual([started.status, started.attemptsLeft, started.country], ["pending", 5, "US"]);
  assert.deepEqual([approval.status, approval.phoneNumber, approval.reference], ["approved", phoneNumber, "order-1042"]);
  assert.equal((await backend.getVerification(started.id)).status, "approved");
  await assert.rejects(backend.checkVerification(started.id, code), { status: 410, code: "verification_ended" });
});

test("the address may end in /api/v1", async () => {
  const { backend: other } = newBackend({ baseUrl: `${baseUrl}/api/v1/` });

  assert.equal((await other.listVerifications({ reference: "none" })).next, null);
});

test("a wrong code is an error that says how many tries are left", async () => {
  const phoneNumber = newNumber();
  const { id } = await backend.createVerification({ phoneNumber });

  const error = await backend.checkVerification(id, wrong(await codeOn(phoneNumber))).catch((found) => found);

  assert.ok(error instanceof OtpError);
  assert.deepEqual([error.status, error.code, error.body.attemptsLeft], [422, "otp_invalid", 4]);
});

test("another code is sent for the same verification", async () => {
  const phoneNumber = newNumber();
  const { id } = await backend.createVerification({ phoneNumber });

  const again = await backend.resendVerification(id, { channel: "callout" });
  const approval = await backend.checkVerification(id, await codeOn(phoneNumber));

  assert.deepEqual([again.id, again.channel, approval.status], [id, "callout", "approved"]);
});

test("a verification is found by its reference, cancelled and erased", async () => {
  const reference = `order-${process.pid}`;
  const { id } = await backend.createVerification({ phoneNumber: newNumber(), reference });

  const { verifications, next } = await backend.listVerifications({ reference });
  await backend.cancelVerification(id);

  assert.deepEqual([verifications.map((one) => one.id), next], [[id], null]);
  assert.equal((await backend.getVerification(id)).status, "cancelled");
  await backend.cancelVerification(id, { erase: true });
  await assert.rejects(backend.getVerification(id), { status: 404 });
});

test("a lost response is asked for again with the same key, so one message leaves and one check is done", async () => {
  const phoneNumber = newNumber();
  const start = newBackend({ fetch: losing("/verifications") });
  const check = newBackend({ fetch: losing("/check") });

  const { id } = await start.backend.createVerification({ phoneNumber });
  const approval = await check.backend.checkVerification(id, await codeOn(phoneNumber));

  assert.equal(approval.status, "approved");
  for (const { sent } of [start, check]) {
    assert.equal(sent.length, 2);
    assert.ok(sent[0].key);
    assert.equal(sent[1].key, sent[0].key);
  }
  assert.deepEqual((await backend.listVerifications({ phoneNumber })).verifications.map((one) => one.id), [id]);
});

test("two calls have two keys; a key of one's own stays", async () => {
  const { backend: noting, sent } = newBackend();

  await noting.createVerification({ phoneNumber: newNumber() });
  await noting.createVerification({ phoneNumber: newNumber() });
  const body = { phoneNumber: newNumber() };
  const [first, second] = [
    await noting.createVerification(body, { idempotencyKey: `mine-${process.pid}` }),
    await noting.createVerification(body, { idempotencyKey: `mine-${process.pid}` }),
  ];

  assert.notEqual(sent[0].key, sent[1].key);
  assert.deepEqual([sent[2].key, first.id], [`mine-${process.pid}`, second.id]);
});

test("a short 503 is waited for, a long one is not, and what is final is not tried again", async () => {
  const responses = (seconds) => async () => Response.json({ code: "overloaded", retryAfter: seconds }, { status: 503 });
  const [short, long, final] = [
    newBackend({ fetch: responses(0.01) }),
    newBackend({ fetch: responses(60) }),
    newBackend({ key: "otpk_no_such" }),
  ];

  await assert.rejects(short.backend.createVerification({ phoneNumber: newNumber() }), { status: 503 });
  await assert.rejects(long.backend.createVerification({ phoneNumber: newNumber() }), { retryAfter: 60 });
  await assert.rejects(final.backend.createVerification({ phoneNumber: newNumber() }), { status: 401 });

  assert.deepEqual([short, long, final].map(({ sent }) => sent.length), [3, 1, 1]);
});

test("a person's access token is valid until the session ends", async () => {
  const { client } = await signedIn();
  const { token } = await client.refresh();

  const before = await backend.introspect(token);
  await client.logout();
  const after = await backend.introspect(token);

  assert.deepEqual([before.active, before.acr, after], [true, "aal2", { active: false }]);
});
