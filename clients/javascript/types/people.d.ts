/** Access tokens stay in memory, and are renewed as they are needed. */
export class OtpClient {
    /** @param {Connection & SessionOptions} options */
    constructor(options: Connection & SessionOptions);
    /** Whether there is something to refresh the session with. */
    get isSignedIn(): boolean;
    /**
     * @param {{ email: string, password: string, phoneNumber: string, captchaToken?: string }} person
     * @returns {Promise<{ message: string, userId?: number, notice: string }>}
     */
    register(person: {
        email: string;
        password: string;
        phoneNumber: string;
        captchaToken?: string;
    }): Promise<{
        message: string;
        userId?: number;
        notice: string;
    }>;
    /**
     * Check the password. Where the response says `requiresOtp`, its `challengeToken` needs one of its `methods`.
     * @param {string} email
     * @param {string} password
     * @param {{ captchaToken?: string }} [more]
     * @returns {Promise<SignIn>}
     */
    login(email: string, password: string, { captchaToken }?: {
        captchaToken?: string;
    }): Promise<SignIn>;
    /**
     * @param {Named & { channel?: string, captchaToken?: string }} body
     * @returns {Promise<{ message: string, channel: string, expiresIn: number, resendAfter: number }>}
     */
    requestOtp(body: Named & {
        channel?: string;
        captchaToken?: string;
    }): Promise<{
        message: string;
        channel: string;
        expiresIn: number;
        resendAfter: number;
    }>;
    /**
     * Verify the phone; with a challenge, complete the sign-in.
     * @param {Named & { otpCode: string, rememberDevice?: boolean }} body
     * @returns {Promise<SignIn>}
     */
    verifyOtp(body: Named & {
        otpCode: string;
        rememberDevice?: boolean;
    }): Promise<SignIn>;
    /**
     * Complete a sign-in with an authenticator app or a backup code.
     * @param {"totp" | "backup-code"} kind
     * @param {{ challengeToken: string, code: string, rememberDevice?: boolean }} body
     * @returns {Promise<SignIn>}
     */
    secondFactor(kind: "totp" | "backup-code", body: {
        challengeToken: string;
        code: string;
        rememberDevice?: boolean;
    }): Promise<SignIn>;
    /**
     * Complete a sign-in with a passkey or security key.
     * @param {{ challengeToken: string, rememberDevice?: boolean }} body
     * @returns {Promise<SignIn>}
     */
    secondFactorPasskey(body: {
        challengeToken: string;
        rememberDevice?: boolean;
    }): Promise<SignIn>;
    /**
     * Sign in with a passkey alone; with `mediation: "conditional"`, from the suggestions of a form.
     * @param {{ mediation?: CredentialMediationRequirement, signal?: AbortSignal }} [more]
     * @returns {Promise<SignIn>}
     */
    passkey(more?: {
        mediation?: CredentialMediationRequirement;
        signal?: AbortSignal;
    }): Promise<SignIn>;
    /**
     * Make a passkey for the signed-in person.
     * @param {string} name
     */
    addPasskey(name: string): Promise<any>;
    /** Go on with the session of an earlier page; resolves to false where there is none. */
    resume(): Promise<boolean>;
    /** @returns {Promise<{ message: string, user: Json }>} */
    profile(): Promise<{
        message: string;
        user: Json;
    }>;
    /**
     * @param {string} currentPassword
     * @param {string} newPassword
     */
    changePassword(currentPassword: string, newPassword: string): Promise<any>;
    /** End this session. */
    logout(): Promise<void>;
    /**
     * Call any route as the signed-in person, such as `request("GET", "/factors")`. Refreshes where needed, and repeats
     * the request after a step-up.
     * @param {string} method
     * @param {string} path below /api/v1
     * @param {Json} [body]
     * @returns {Promise<any>}
     */
    request(method: string, path: string, body?: Json): Promise<any>;
    /**
     * Get a new access token. Calls at the same time share one refresh; tabs that share the storage take turns.
     * @returns {Promise<Json>}
     */
    refresh(): Promise<Json>;
    #private;
}
export type Connection = import("./http.js").Connection;
export type Json = import("./http.js").Json;
export type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;
/**
 * exactly one of them
 */
export type Named = {
    challengeToken?: string;
    email?: string;
    phoneNumber?: string;
};
/**
 * what a response to a sign-in has; with `token`, the person is signed in
 */
export type SignIn = {
    message: string;
    userId: number;
    token?: string | undefined;
    sessionId?: string | undefined;
    /**
     * a second step is due
     */
    requiresOtp?: boolean | undefined;
    /**
     * for the second step
     */
    challengeToken?: string | undefined;
    /**
     * for the second step
     */
    methods?: string[] | undefined;
    defaultMethod?: string | null | undefined;
    /**
     * seconds
     */
    expiresIn: number;
    /**
     * why no code was sent
     */
    otpError?: string | undefined;
    enrolmentRequired?: boolean | undefined;
};
export type StepUpRequest = {
    /**
     * which the person may use
     */
    methods: string[];
    maxAgeSeconds: number;
    /**
     * sends a code for the methods of the phone
     */
    sendCode: (channel?: string) => Promise<Json>;
};
export type StepUpAnswer = {
    /**
     * one of `methods`; for "webauthn" the client asks for the passkey itself
     */
    method: string;
    code?: string | undefined;
    password?: string | undefined;
    credential?: import("./http.js").Json | undefined;
};
export type SessionOptions = {
    /**
     * "cookie" keeps the refresh token from scripts (docs/browsers.md)
     */
    transport?: "body" | "cookie" | undefined;
    /**
     * such as sessionStorage: what survives a reload; else memory
     */
    storage?: Storage | undefined;
    /**
     * asks the person to sign in
     * again where a request needs it; the request is repeated with the answer
     */
    onStepUp?: ((request: StepUpRequest) => Promise<StepUpAnswer | null | undefined>) | undefined;
    /**
     * hears that the session has ended
     */
    onSignedOut?: (() => void) | undefined;
    /**
     * how long to wait for a refresh before it is repeated; 4 seconds
     */
    refreshTimeoutMs?: number | undefined;
    /**
     * in place of navigator.credentials
     */
    authenticator?: Pick<CredentialsContainer, "create" | "get"> | undefined;
};
