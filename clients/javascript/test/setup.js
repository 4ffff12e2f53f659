// What the tests share: the running service, its simulated phones, a cookie jar and a software authenticator.

import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { OtpClient } from "../index.js";

export const needed = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name}: README.md says how to run the tests.`);
  return value;
};

export const baseUrl = needed("OTP_SERVICE_URL");
export const inboxUrl = needed("OTP_INBOX_URL");
export const origin = process.env.OTP_ORIGIN ?? baseUrl;
export const password = "Correct-Horse-7";

/** Under load a response may take long, and no test is about that. */
export const patience = { timeoutMs: 60_000, refreshTimeoutMs: 60_000 };

let serial = 0;

/** A new person: the body of a registration. */
export function newPerson() {
  serial += 1;
  const digits = String(process.pid % 100).padStart(2, "0") + String(serial).padStart(2, "0");
  return { email: `js${process.pid}-${serial}@example.com`, password, phoneNumber: `+1415555${digits}` };
}

/** The newest code on a phone. */
export async function codeOn(phoneNumber) {
  const response = await fetch(`${inboxUrl}/inbox.json?to=${encodeURIComponent(phoneNumber)}`);
  return (await response.json()).messages[0].code;
}

/** A client, and the requests that it sent. */
export function newClient(options = {}) {
  const sent = [];
  const { fetch: through = globalThis.fetch, ...more } = options;
  const fetch = (url, request) => {
    sent.push({ method: request.method, path: new URL(url).pathname.replace("/api/v1", ""), request });
    return through(url, request);
  };
  return { client: new OtpClient({ baseUrl, fetch, ...patience, ...more }), sent };
}

/** A client whose person is signed in. */
export async function signedIn(options) {
  const person = newPerson();
  const { client, sent } = newClient(options);
  await client.register(person);
  await signInAgain(client, person);
  return { client, person, sent };
}

export async function signInAgain(client, person, more = {}) {
  const { challengeToken } = await client.login(person.email, person.password);
  return client.verifyOtp({ challengeToken, otpCode: await codeOn(person.phoneNumber), ...more });
}

export function newStorage() {
  const kept = new Map();
  return {
    kept,
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: (name) => kept.delete(name),
  };
}

/** What a browser does with cookies, as far as the service's own need it. */
export function withCookies() {
  const jar = new Map();
  const browser = async (url, request) => {
    const isAllowed = request.credentials === "include";
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...request.headers, ...(isAllowed && cookie ? { Cookie: cookie } : {}) };
    const response = await fetch(url, { ...request, headers });
    for (const line of isAllowed ? response.headers.getSetCookie() : []) {
      const [pair, ...attributes] = line.split("; ");
      const [name, value] = pair.split(/=(.*)/s);
      if (attributes.includes("Max-Age=0")) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
  return { jar, browser };
}

/** An authenticator with one passkey, as `navigator.credentials` shows it. */
export function newAuthenticator() {
  const id = randomBytes(16);
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const sha256 = (data) => createHash("sha256").update(data).digest();
  let userHandle;
  let count = 0;

  const authenticatorData = (rpId, flags, rest = Buffer.alloc(0)) => {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE((count += 1));
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), counter, rest]);
  };
  const clientData = (type, challenge) =>
    Buffer.from(JSON.stringify({ type, challenge: Buffer.from(challenge).toString("base64url"), origin, crossOrigin: false }));
  const buffer = (bytes) => new Uint8Array(bytes).buffer;
  const credential = (response) => ({ id: id.toString("base64url"), rawId: buffer(id), type: "public-key", response });

  return {
    async create({ publicKey: { rp, user, challenge } }) {
      userHandle = user.id;
      const coordinates = [x, y].map((one) => Buffer.from(one, "base64url"));
      const head = (hex) => Buffer.from(hex, "hex");
      const key = Buffer.concat([head("a5010203262001215820"), coordinates[0], head("225820"), coordinates[1]]); // COSE
      const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, key]);
      const data = authenticatorData(rp.id, 0x45, attested);
      const length = Buffer.from([0x58, data.length]);
      const object = Buffer.concat([head("a363666d74646e6f6e656761747453746d74a0686175746844617461"), length, data]); // CBOR
      return credential({
        clientDataJSON: buffer(clientData("webauthn.create", challenge)),
        attestationObject: buffer(object),
        getTransports: () => ["internal"],
      });
    },
    async get({ publicKey: { rpId, challenge } }) {
      const [data, told] = [authenticatorData(rpId, 0x05), clientData("webauthn.get", challenge)];
      const signature = sign("sha256", Buffer.concat([data, sha256(told)]), privateKey);
      return credential({
        clientDataJSON: buffer(told),
        authenticatorData: buffer(data),
        signature: buffer(signature),
        userHandle: buffer(userHandle),
      });
    },
  };
}
