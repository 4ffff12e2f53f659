/** Node 18 has no global of that name. */
export function webCrypto(): Promise<Crypto>;
/** @param {string} text base64 of either alphabet */
export function toBytes(text: string): Uint8Array<ArrayBuffer>;
/** @param {ArrayBuffer | null | undefined} buffer */
export function toText(buffer: ArrayBuffer | null | undefined): string | undefined;
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
    constructor(status: number, body: Json, cause?: unknown);
    status: number;
    /** @type {string} A stable word; docs/errors.md lists them. */
    code: string;
    /** @type {number | undefined} Seconds until a retry makes sense. */
    retryAfter: number | undefined;
    /** @type {{ field: string, message: string }[]} */
    errors: {
        field: string;
        message: string;
    }[];
    /** @type {string | undefined} */
    requestId: string | undefined;
    /** @type {Json} All fields, such as `attemptsLeft` or `methods`. */
    body: Json;
}
export class Http {
    /** @param {Connection} connection */
    constructor({ baseUrl, fetch, timeoutMs }: Connection);
    root: string;
    fetch: typeof fetch;
    timeoutMs: number;
    /**
     * @param {string} method
     * @param {string} path below /api/v1
     * @param {Options} [options]
     * @returns {Promise<any>}
     */
    send(method: string, path: string, { body, headers, credentials, timeoutMs }?: Options): Promise<any>;
}
/**
 * `baseUrl` is the address of the service, with or without `/api/v1`; `fetch` replaces the one of the runtime.
 */
export type Connection = {
    baseUrl: string;
    fetch?: typeof globalThis.fetch;
    timeoutMs?: number;
};
export type Json = Record<string, any>;
export type Options = {
    body?: URLSearchParams | Json | undefined;
    headers?: Record<string, string | undefined> | undefined;
    credentials?: RequestCredentials | undefined;
    timeoutMs?: number | undefined;
};
