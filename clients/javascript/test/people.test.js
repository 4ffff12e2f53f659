// OtpClient against the running service.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OtpError } from "../index.js";
import { newAuthenticator, newClient, newPerson, newStorage } from "./setup.js";
import { password, signedIn, signInAgain, withCookies } from "./setup.js";

const refreshes = (sent) => sent.filter(({ path }) => path === "/auth/refresh").length;

test("a person registers, signs in with a code, and signs out", async () => {
  const { client, person } = await signedIn();

  const { user } = await client.profile();
  await client.logout();

  assert.equal(user.email, person.email);
  assert.equal(client.isSignedIn, false);
  await assert.rejects(client.profile(), { code: "access_token_required" });
});

test("an error has code, status, and the faults of each field", async () => {
  const { client } = newClient();

  const error = await client.register({ ...newPerson(), email: "nowhere" }).catch((found) => found);

  assert.ok(error instanceof OtpError);
  assert.deepEqual([error.status, error.code, error.errors.map(({ field }) => field)], [400, "validation_failed", ["email"]]);
  assert.ok(error.requestId);
});

test("a service that does not respond is an error with a code, too", async () => {
  const { client } = newClient({ baseUrl: "http://127.0.0.1:9" });

  await assert.rejects(client.login("a@example.com", password), { status: 0, code: "no_response" });
});

test("requests at once share one refresh", async () => {
  const storage = newStorage();
  await signedIn({ storage });
  const { client, sent } = newClient({ storage });

  const profiles = await Promise.all(Array.from({ length: 8 }, () => client.profile()));

  assert.equal(new Set(profiles.map(({ user }) => user.userId)).size, 1);
  assert.equal(refreshes(sent), 1);
});

test("an access token that was rejected is refreshed once, and the request repeated", async () => {
  const storage = newStorage();
  const { client, sent } = await signedIn({ storage });
  await client.profile();
  const otherTab = newClient({ storage }).client;
  await otherTab.changePassword(password, "Other-Horse-8"); // gives the session a new id

  const answers = await Promise.all([client.profile(), client.request("GET", "/sessions")]);

  assert.equal(answers[1].sessions.length, 1);
  assert.equal(refreshes(sent), 1);
});

test("a refresh whose response was lost is repeated", async () => {
  const storage = newStorage();
  await signedIn({ storage });
  let lost = 0;
  const losing = async (url, request) => {
    const response = await fetch(url, request);
    if (url.endsWith("/auth/refresh") && lost++ === 0) throw new TypeError("terminated");
    return response;
  };
  const { client, sent } = newClient({ storage, fetch: losing });

  assert.equal(await client.resume(), true);
  assert.equal(refreshes(sent), 2);
});

test("a session that was ended elsewhere is over, and the page hears of it once", async () => {
  const storage = newStorage();
  const { client, person } = await signedIn({ storage });
  const elsewhere = newClient().client;
  await signInAgain(elsewhere, person);
  await elsewhere.request("POST", "/auth/logout-all");
  let heard = 0;
  const reloaded = newClient({ storage, onSignedOut: () => (heard += 1) }).client;

  await assert.rejects(reloaded.profile(), { status: 401 });

  assert.deepEqual([heard, await reloaded.resume(), client.isSignedIn], [1, false, false]);
});

test("while the service is away, the session stays", async () => {
  const storage = newStorage();
  await signedIn({ storage });
  const away = newClient({ storage, baseUrl: "http://127.0.0.1:9" }).client;

  await assert.rejects(away.resume(), { code: "no_response" });

  assert.equal(await newClient({ storage }).client.resume(), true);
});

test("by cookie, no script sees the refresh token, and the session survives a reload", async () => {
  const { jar, browser } = withCookies();
  const storage = newStorage();
  await signedIn({ transport: "cookie", storage, fetch: browser });
  const { client } = newClient({ transport: "cookie", storage, fetch: browser });

  assert.equal(await client.resume(), true);
  await client.changePassword(password, "Other-Horse-8");
  await client.refresh();
  assert.ok((await client.profile()).user);
  assert.deepEqual([...storage.kept.keys()].sort(), ["otp_service.csrfToken", "otp_service.knownDeviceToken"]);
  assert.equal([...storage.kept.values()].some((value) => value.startsWith("rt_")), false);
  await client.logout();

  assert.deepEqual([jar.size, client.isSignedIn], [0, false]);
});

test("by cookie, a browser that lost its cookie is signed out", async () => {
  const { jar, browser } = withCookies();
  const storage = newStorage();
  await signedIn({ transport: "cookie", storage, fetch: browser });
  jar.clear();

  assert.equal(await newClient({ transport: "cookie", storage, fetch: browser }).client.resume(), false);
});

test("a trusted device needs no second step", async () => {
  const storage = newStorage();
  const { client, person } = await signedIn({ storage });
  await signInAgain(client, person, { rememberDevice: true });

  const answer = await newClient({ storage }).client.login(person.email, password);

  assert.equal(answer.requiresOtp, false);
});

test("a passkey is made, completes a sign-in, and signs in alone", async () => {
  const authenticator = newAuthenticator();
  const { client, person } = await signedIn({ authenticator });

  const { name } = await client.addPasskey("Laptop");
  const { challengeToken, methods } = await client.login(person.email, password);
  const second = await client.secondFactorPasskey({ challengeToken });
  const alone = await client.passkey();

  assert.equal(name, "Laptop");
  assert.ok(methods.includes("webauthn"));
  assert.deepEqual([second.userId, alone.userId], [alone.userId, second.userId]);
  assert.ok((await client.profile()).user);
});

test("a request that needs a stronger sign-in asks the person once, and is repeated", async () => {
  const authenticator = newAuthenticator();
  const asked = [];
  const onStepUp = async ({ methods }) => {
    asked.push(methods);
    return { method: "webauthn" };
  };
  const { client } = await signedIn({ authenticator, onStepUp });
  await client.addPasskey("Laptop"); // from now on, the code alone is not strong enough to add a factor

  const [app, codes] = await Promise.all([
    client.request("POST", "/factors/totp"),
    client.request("POST", "/factors/backup-codes"),
  ]);

  assert.ok(app.secret);
  assert.equal(codes.backupCodes.length, 10);
  assert.deepEqual(asked, [["webauthn"]]);
});

test("without an answer to the step-up, the request is refused", async () => {
  const authenticator = newAuthenticator();
  const { client } = await signedIn({ authenticator, onStepUp: async () => null });
  await client.addPasskey("Laptop");

  await assert.rejects(client.request("POST", "/factors/totp"), { status: 403, code: "step_up_required" });
});
