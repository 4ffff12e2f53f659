// What a backend with an API key calls: verifications of phone numbers, and introspection of access tokens.

import { Http, OtpError, webCrypto } from "./http.js";

/** @typedef {import("./http.js").Connection} Connection */
/** @typedef {import("./http.js").Json} Json */
/**
 * @typedef {object} NewVerification
 * @property {string} phoneNumber
 * @property {"sms" | "callout" | "flashcall" | "whatsapp"} [channel]
 * @property {string} [locale]
 * @property {string} [reference] your own name for it
 * @property {string} [clientIp] the address of your user, which has limits of its own
 * @property {number} [expiresIn] seconds
 */
/**
 * @typedef {object} Verification
 * @property {string} id
 * @property {"pending" | "approved" | "failed" | "expired" | "replaced" | "cancelled" | "undelivered"} status
 * @property {string} phoneNumber
 * @property {string | null} reference
 * @property {string} country
 * @property {string} channel
 * @property {string} createdAt
 * @property {string} expiresAt
 * @property {number} resendAfter seconds
 * @property {number} attemptsLeft
 */
/**
 * @typedef {object} Approval
 * @property {string} id
 * @property {"approved"} status
 * @property {string} phoneNumber
 * @property {string | null} reference
 * @property {string} approvedAt
 */

const LONGEST_WAIT_SECONDS = 5;

/** Lost responses and 503 are retried. Each call has one idempotency key over its retries, so it acts once. */
export class OtpBackend {
  #http;
  #key;
  #retries;

  /** @param {Connection & { key: string, retries?: number }} options `key` is `otpk_...` */
  constructor({ key, retries = 2, ...connection }) {
    this.#http = new Http(connection);
    this.#key = key;
    this.#retries = retries;
  }

  /**
   * Send a code to a phone number.
   * @param {NewVerification} body
   * @param {{ idempotencyKey?: string }} [options] your own key, to go on after a crash
   * @returns {Promise<Verification>}
   */
  createVerification(body, { idempotencyKey } = {}) {
    return this.#once("/verifications", body, idempotencyKey);
  }

  /**
   * Resolve for the right code alone, and once. Rejects with the codes `otp_invalid` (see `error.body.attemptsLeft`),
   * `verification_ended`, `too_many_attempts` and others.
   * @param {string} id
   * @param {string} code
   * @param {{ idempotencyKey?: string }} [options]
   * @returns {Promise<Approval>}
   */
  checkVerification(id, code, { idempotencyKey } = {}) {
    return this.#once(`/verifications/${encodeURIComponent(id)}/check`, { code }, idempotencyKey);
  }

  /**
   * Send another code for the same verification.
   * @param {string} id
   * @param {{ channel?: NewVerification["channel"], idempotencyKey?: string }} [options]
   * @returns {Promise<Verification>}
   */
  resendVerification(id, { channel, idempotencyKey } = {}) {
    return this.#once(`/verifications/${encodeURIComponent(id)}/resend`, { channel }, idempotencyKey);
  }

  /**
   * @param {string} id
   * @returns {Promise<Verification>}
   */
  getVerification(id) {
    return this.request("GET", `/verifications/${encodeURIComponent(id)}`);
  }

  /**
   * List the verifications of this backend, the newest first. `next` is the `cursor` of the next page.
   * @param {{ reference?: string, phoneNumber?: string, cursor?: string }} [query]
   * @returns {Promise<{ verifications: Verification[], next: string | null }>}
   */
  listVerifications(query = {}) {
    return this.request("GET", `/verifications?${new URLSearchParams(query)}`);
  }

  /**
   * Cancel a verification; with `erase`, delete it and its number.
   * @param {string} id
   * @param {{ erase?: boolean }} [options]
   * @returns {Promise<void>}
   */
  async cancelVerification(id, { erase = false } = {}) {
    await this.request("DELETE", `/verifications/${encodeURIComponent(id)}${erase ? "?erase=true" : ""}`);
  }

  /**
   * Ask whether a person's access token is valid at this moment.
   * @param {string} token
   * @returns {Promise<{ active: boolean } & Json>}
   */
  introspect(token) {
    return this.request("POST", "/tokens/introspect", new URLSearchParams({ token }));
  }

  /**
   * Call any route for backends. GET, forms, and requests with an `Idempotency-Key` are retried.
   * @param {string} method
   * @param {string} path below /api/v1
   * @param {Json | URLSearchParams} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<any>}
   */
  async request(method, path, body, headers = {}) {
    const options = { body, headers: { Authorization: `Bearer ${this.#key}`, ...headers } };
    const isRepeatable = method === "GET" || "Idempotency-Key" in headers || body instanceof URLSearchParams;
    for (let left = isRepeatable ? this.#retries : 0; ; left -= 1) {
      try {
        return await this.#http.send(method, path, options);
      } catch (error) {
        const mayPass = error instanceof OtpError && [0, 503].includes(error.status);
        const waitSeconds = mayPass ? (error.retryAfter ?? 0.2) : Infinity;
        if (left <= 0 || waitSeconds > LONGEST_WAIT_SECONDS) throw error;
        await new Promise((done) => setTimeout(done, waitSeconds * 1_000));
      }
    }
  }

  /**
   * @param {string} path
   * @param {Json} body
   * @param {string | undefined} key
   */
  async #once(path, body, key) {
    return this.request("POST", path, body, { "Idempotency-Key": key ?? (await webCrypto()).randomUUID() });
  }
}
