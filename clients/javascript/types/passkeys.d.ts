/** @typedef {import("./http.js").Json} Json */
/** @typedef {Pick<CredentialsContainer, "create" | "get">} Authenticator */
/**
 * Make a passkey.
 * @param {Authenticator | undefined} authenticator
 * @param {Json} options of POST /factors/webauthn/options
 * @returns {Promise<Json>} the credential for POST /factors/webauthn
 */
export function createPasskey(authenticator: Authenticator | undefined, { user, challenge, excludeCredentials, ...options }: Json): Promise<Json>;
/**
 * Sign with a passkey.
 * @param {Authenticator | undefined} authenticator
 * @param {Json} options of a route that ends with /options
 * @param {{ mediation?: CredentialMediationRequirement, signal?: AbortSignal }} [more]
 * @returns {Promise<Json>} the credential for the route without /options
 */
export function getPasskey(authenticator: Authenticator | undefined, { challenge, allowCredentials, ...options }: Json, more?: {
    mediation?: CredentialMediationRequirement;
    signal?: AbortSignal;
}): Promise<Json>;
export type Json = import("./http.js").Json;
export type Authenticator = Pick<CredentialsContainer, "create" | "get">;
