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
export function verifyEvent(body: string | Uint8Array, headers: Headers | Record<string, string | string[] | undefined>, secrets: string | string[], { toleranceSeconds }?: {
    toleranceSeconds?: number;
}): Promise<Event>;
export type Event = {
    id: string;
    type: string;
    at: string;
    data: Record<string, any>;
};
