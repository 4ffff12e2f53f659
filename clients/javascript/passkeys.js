// Passkeys in the JSON forms of WebAuthn Level 3, also in browsers that do not know these forms.

import { toBytes, toText } from "./http.js";

/** @typedef {import("./http.js").Json} Json */
/** @typedef {Pick<CredentialsContainer, "create" | "get">} Authenticator */

/**
 * Make a passkey.
 * @param {Authenticator | undefined} authenticator
 * @param {Json} options of POST /factors/webauthn/options
 * @returns {Promise<Json>} the credential for POST /factors/webauthn
 */
export async function createPasskey(authenticator, { user, challenge, excludeCredentials = [], ...options }) {
  /** @type {any} */
  const publicKey = {
    ...options,
    challenge: toBytes(challenge),
    user: { ...user, id: toBytes(user.id) },
    excludeCredentials: excludeCredentials.map(withBytes),
  };
  return toJson(await known(authenticator).create({ publicKey }));
}

/**
 * Sign with a passkey.
 * @param {Authenticator | undefined} authenticator
 * @param {Json} options of a route that ends with /options
 * @param {{ mediation?: CredentialMediationRequirement, signal?: AbortSignal }} [more]
 * @returns {Promise<Json>} the credential for the route without /options
 */
export async function getPasskey(authenticator, { challenge, allowCredentials = [], ...options }, more = {}) {
  const publicKey = { ...options, challenge: toBytes(challenge), allowCredentials: allowCredentials.map(withBytes) };
  return toJson(await known(authenticator).get({ publicKey, ...more }));
}

/** @param {Authenticator | undefined} authenticator */
function known(authenticator) {
  const found = authenticator ?? globalThis.navigator?.credentials;
  if (!found) throw new Error("Passkeys need a browser, and a page with https:// or on http://localhost.");
  return found;
}

/** @param {Json} descriptor */
function withBytes(descriptor) {
  return { ...descriptor, id: toBytes(descriptor.id) };
}

/** @param {any} credential */
function toJson({ id, rawId, type, response }) {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const texts = Object.fromEntries(parts.map((name) => [name, toText(response[name])]));
  return { id, rawId: toText(rawId), type, response: { ...texts, transports: response.getTransports?.() } };
}
