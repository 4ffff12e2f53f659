// Verifies the events that the service posts (Standard Webhooks).

import { toBytes, webCrypto } from "./http.js";

/** @typedef {{ id: string, type: string, at: string, data: Record<string, any> }} Event */

/**
 * Return an event that the service signed. Throws for any other body, and for one that is too old.
 * An event may come more than once: remember the ids that you have handled.
 * @param {string | Uint8Array} body as it came, before any parsing
 * @param {Headers | Record<string, string | string[] | undefined>} headers
 * @param {string | string[]} secrets `whsec_...`; two of them while you rotate
 * @param {{ toleranceSeconds?: number }} [options]
 * @returns {Promise<Event>}
 */
export async function verifyEvent(body, headers, secrets, { toleranceSeconds = 300 } = {}) {
  const { id, sentAt, signatures } = signed(headers);
  if (!id || !/^[0-9]{1,12}$/.test(sentAt)) throw new Error("The event has no webhook-id or no webhook-timestamp.");
  if (Math.abs(Date.now() / 1_000 - Number(sentAt)) > toleranceSeconds) throw new Error("The event is too old.");
  const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const message = new Uint8Array([...new TextEncoder().encode(`${id}.${sentAt}.`), ...content]);
  const { subtle } = await webCrypto();
  for (const secret of [secrets].flat()) {
    const raw = toBytes(secret.replace(/^whsec_/, ""));
    const key = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of signatures) {
      // Compares in constant time.
      if (await subtle.verify("HMAC", key, signature, message)) return JSON.parse(new TextDecoder().decode(content));
    }
  }
  throw new Error("The event is not signed with this secret.");
}

/** @param {Headers | Record<string, string | string[] | undefined>} headers */
function signed(headers) {
  const pairs = headers instanceof Headers ? [...headers.entries()] : Object.entries(headers);
  const named = Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), String(value ?? "")]));
  const given = (named["webhook-signature"] ?? "").split(" ").filter((one) => one.startsWith("v1,"));
  const signatures = given.map((one) => bytesOrNone(one.slice(3)));
  return { id: named["webhook-id"] ?? "", sentAt: named["webhook-timestamp"] ?? "", signatures };
}

/** @param {string} text */
function bytesOrNone(text) {
  try {
    return toBytes(text);
  } catch {
    return new Uint8Array(); // no base64, so no signature
  }
}
