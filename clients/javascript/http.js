// One exchange with the service, and the error for everything that is not a success.

/**
 * @typedef {{ baseUrl: string, fetch?: typeof globalThis.fetch, timeoutMs?: number }} Connection
 * `baseUrl` is the address of the service, with or without `/api/v1`; `fetch` replaces the one of the runtime.
 */
/** @typedef {Record<string, any>} Json */
/**
 * @typedef {object} Options
 * @property {Json | URLSearchParams} [body]
 * @property {Record<string, string | undefined>} [headers]
 * @property {RequestCredentials} [credentials]
 * @property {number} [timeoutMs]
 */

/** A response that is not a success. `status` is 0 and `code` is "no_response" where none came at all. */
export class OtpError extends Error {
  /**
   * @param {number} status
   * @param {Json} body
   * @param {unknown} [cause]
   */
  constructor(status, body, cause) {
    super(body.message ?? `The service responded ${status}.`, { cause });
    this.name = "OtpError";
    this.status = status;
    /** @type {string} A stable word; docs/errors.md lists them. */
    this.code = body.code ?? "http_error";
    /** @type {number | undefined} Seconds until a retry makes sense. */
    this.retryAfter = body.retryAfter;
    /** @type {{ field: string, message: string }[]} */
    this.errors = body.errors ?? [];
    /** @type {string | undefined} */
    this.requestId = body.requestId;
    /** @type {Json} All fields, such as `attemptsLeft` or `methods`. */
    this.body = body;
  }
}

export class Http {
  /** @param {Connection} connection */
  constructor({ baseUrl, fetch = (...request) => globalThis.fetch(...request), timeoutMs = 15_000 }) {
    this.root = baseUrl.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
    this.fetch = fetch;
    this.timeoutMs = timeoutMs;
  }

  /**
   * @param {string} method
   * @param {string} path below /api/v1
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async send(method, path, { body, headers = {}, credentials, timeoutMs = this.timeoutMs } = {}) {
    const given = Object.entries(headers).filter(([, value]) => value !== undefined);
    const sent = /** @type {Record<string, string>} */ (Object.fromEntries(given));
    const isJson = body !== undefined && !(body instanceof URLSearchParams);
    if (isJson) sent["Content-Type"] = "application/json";
    /** @type {RequestInit} */
    const request = { method, headers: sent, body: isJson ? JSON.stringify(body) : body, redirect: "error" };
    if (credentials) request.credentials = credentials;
    let response, text;
    try {
      response = await this.fetch(`${this.root}/api/v1${path}`, { ...request, signal: AbortSignal.timeout(timeoutMs) });
      text = await response.text();
    } catch (cause) {
      throw new OtpError(0, { code: "no_response", message: "The service did not respond. Try again." }, cause);
    }
    const found = parsed(text);
    if (!response.ok) throw new OtpError(response.status, found ?? {});
    return found;
  }
}

/**
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // nothing (204), or the page of a proxy
  }
}

/** Node 18 has no global of that name. */
export async function webCrypto() {
  return /** @type {Crypto} */ (globalThis.crypto ?? (await import("node:crypto")).webcrypto);
}

/** @param {string} text base64 of either alphabet */
export function toBytes(text) {
  const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

/** @param {ArrayBuffer | null | undefined} buffer */
export function toText(buffer) {
  if (!buffer) return undefined;
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
