/** Lost responses and 503 are retried. Each call has one idempotency key over its retries, so it acts once. */
export class OtpBackend {
    /** @param {Connection & { key: string, retries?: number }} options `key` is `otpk_...` */
    constructor({ key, retries, ...connection }: Connection & {
        key: string;
        retries?: number;
    });
    /**
     * Send a code to a phone number.
     * @param {NewVerification} body
     * @param {{ idempotencyKey?: string }} [options] your own key, to go on after a crash
     * @returns {Promise<Verification>}
     */
    createVerification(body: NewVerification, { idempotencyKey }?: {
        idempotencyKey?: string;
    }): Promise<Verification>;
    /**
     * Resolve for the right code alone, and once. Rejects with the codes `otp_invalid` (see `error.body.attemptsLeft`),
     * `verification_ended`, `too_many_attempts` and others.
     * @param {string} id
     * @param {string} code
     * @param {{ idempotencyKey?: string }} [options]
     * @returns {Promise<Approval>}
     */
    checkVerification(id: string, code: string, { idempotencyKey }?: {
        idempotencyKey?: string;
    }): Promise<Approval>;
    /**
     * Send another code for the same verification.
     * @param {string} id
     * @param {{ channel?: NewVerification["channel"], idempotencyKey?: string }} [options]
     * @returns {Promise<Verification>}
     */
    resendVerification(id: string, { channel, idempotencyKey }?: {
        channel?: NewVerification["channel"];
        idempotencyKey?: string;
    }): Promise<Verification>;
    /**
     * @param {string} id
     * @returns {Promise<Verification>}
     */
    getVerification(id: string): Promise<Verification>;
    /**
     * List the verifications of this backend, the newest first. `next` is the `cursor` of the next page.
     * @param {{ reference?: string, phoneNumber?: string, cursor?: string }} [query]
     * @returns {Promise<{ verifications: Verification[], next: string | null }>}
     */
    listVerifications(query?: {
        reference?: string;
        phoneNumber?: string;
        cursor?: string;
    }): Promise<{
        verifications: Verification[];
        next: string | null;
    }>;
    /**
     * Cancel a verification; with `erase`, delete it and its number.
     * @param {string} id
     * @param {{ erase?: boolean }} [options]
     * @returns {Promise<void>}
     */
    cancelVerification(id: string, { erase }?: {
        erase?: boolean;
    }): Promise<void>;
    /**
     * Ask whether a person's access token is valid at this moment.
     * @param {string} token
     * @returns {Promise<{ active: boolean } & Json>}
     */
    introspect(token: string): Promise<{
        active: boolean;
    } & Json>;
    /**
     * Call any route for backends. GET, forms, and requests with an `Idempotency-Key` are retried.
     * @param {string} method
     * @param {string} path below /api/v1
     * @param {Json | URLSearchParams} [body]
     * @param {Record<string, string>} [headers]
     * @returns {Promise<any>}
     */
    request(method: string, path: string, body?: Json | URLSearchParams, headers?: Record<string, string>): Promise<any>;
    #private;
}
export type Connection = import("./http.js").Connection;
export type Json = import("./http.js").Json;
export type NewVerification = {
    phoneNumber: string;
    channel?: "sms" | "callout" | "flashcall" | "whatsapp" | undefined;
    locale?: string | undefined;
    /**
     * your own name for it
     */
    reference?: string | undefined;
    /**
     * the address of your user, which has limits of its own
     */
    clientIp?: string | undefined;
    /**
     * seconds
     */
    expiresIn?: number | undefined;
};
export type Verification = {
    id: string;
    status: "pending" | "approved" | "failed" | "expired" | "replaced" | "cancelled" | "undelivered";
    phoneNumber: string;
    reference: string | null;
    country: string;
    channel: string;
    createdAt: string;
    expiresAt: string;
    /**
     * seconds
     */
    resendAfter: number;
    attemptsLeft: number;
};
export type Approval = {
    id: string;
    status: "approved";
    phoneNumber: string;
    reference: string | null;
    approvedAt: string;
};
