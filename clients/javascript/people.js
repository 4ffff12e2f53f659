// A person's session: sign-in with second factors and passkeys, refresh, step-up.

import { Http, OtpError } from "./http.js";
import { createPasskey, getPasskey } from "./passkeys.js";

/** @typedef {import("./http.js").Connection} Connection */
/** @typedef {import("./http.js").Json} Json */
/** @typedef {Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">} Storage */
/** @typedef {{ challengeToken?: string, email?: string, phoneNumber?: string }} Named exactly one of them */
/**
 * @typedef {object} SignIn what a response to a sign-in has; with `token`, the person is signed in
 * @property {string} message
 * @property {number} userId
 * @property {string} [token]
 * @property {string} [sessionId]
 * @property {boolean} [requiresOtp] a second step is due
 * @property {string} [challengeToken] for the second step
 * @property {string[]} [methods] for the second step
 * @property {string | null} [defaultMethod]
 * @property {number} expiresIn seconds
 * @property {string} [otpError] why no code was sent
 * @property {boolean} [enrolmentRequired]
 */
/**
 * @typedef {object} StepUpRequest
 * @property {string[]} methods which the person may use
 * @property {number} maxAgeSeconds
 * @property {(channel?: string) => Promise<Json>} sendCode sends a code for the methods of the phone
 */
/**
 * @typedef {object} StepUpAnswer
 * @property {string} method one of `methods`; for "webauthn" the client asks for the passkey itself
 * @property {string} [code]
 * @property {string} [password]
 * @property {Json} [credential]
 */
/**
 * @typedef {object} SessionOptions
 * @property {"body" | "cookie"} [transport] "cookie" keeps the refresh token from scripts (docs/browsers.md)
 * @property {Storage} [storage] such as sessionStorage: what survives a reload; else memory
 * @property {(request: StepUpRequest) => Promise<StepUpAnswer | null | undefined>} [onStepUp] asks the person to sign in
 *   again where a request needs it; the request is repeated with the answer
 * @property {() => void} [onSignedOut] hears that the session has ended
 * @property {number} [refreshTimeoutMs] how long to wait for a refresh before it is repeated; 4 seconds
 * @property {import("./passkeys.js").Authenticator} [authenticator] in place of navigator.credentials
 */

const REFRESH_MS = 4_000; // so that a lost refresh is repeated while the service takes the same token, for ten seconds
const EARLY_MS = 10_000; // so long before its end an access token is renewed

/** Access tokens stay in memory, and are renewed as they are needed. */
export class OtpClient {
  #http;
  #isByCookie;
  #storage;
  #options;
  /** @type {{ token: string, staleAt: number } | null} */
  #access = null;
  /** @type {Promise<Json> | null} */
  #refreshing = null;
  /** @type {Promise<boolean> | null} */
  #steppingUp = null;

  /** @param {Connection & SessionOptions} options */
  constructor(options) {
    this.#http = new Http(options);
    this.#isByCookie = options.transport === "cookie";
    this.#storage = options.storage ?? inMemory();
    this.#options = options;
  }

  /** Whether there is something to refresh the session with. */
  get isSignedIn() {
    return this.#kept(this.#isByCookie ? "csrfToken" : "refreshToken") !== null;
  }

  /**
   * @param {{ email: string, password: string, phoneNumber: string, captchaToken?: string }} person
   * @returns {Promise<{ message: string, userId?: number, notice: string }>}
   */
  register(person) {
    return this.#post("/auth/register", person);
  }

  /**
   * Check the password. Where the response says `requiresOtp`, its `challengeToken` needs one of its `methods`.
   * @param {string} email
   * @param {string} password
   * @param {{ captchaToken?: string }} [more]
   * @returns {Promise<SignIn>}
   */
  async login(email, password, { captchaToken } = {}) {
    const deviceToken = this.#kept("deviceToken") ?? this.#kept("knownDeviceToken") ?? undefined;
    const given = await this.#post("/auth/login", { email, password, deviceToken, captchaToken });
    if (given.requiresOtp) this.#keep("deviceToken", null); // it is not trusted any more
    return given;
  }

  /**
   * @param {Named & { channel?: string, captchaToken?: string }} body
   * @returns {Promise<{ message: string, channel: string, expiresIn: number, resendAfter: number }>}
   */
  requestOtp(body) {
    return this.#post("/auth/request-otp", body);
  }

  /**
   * Verify the phone; with a challenge, complete the sign-in.
   * @param {Named & { otpCode: string, rememberDevice?: boolean }} body
   * @returns {Promise<SignIn>}
   */
  verifyOtp(body) {
    return this.#post("/auth/verify-otp", body);
  }

  /**
   * Complete a sign-in with an authenticator app or a backup code.
   * @param {"totp" | "backup-code"} kind
   * @param {{ challengeToken: string, code: string, rememberDevice?: boolean }} body
   * @returns {Promise<SignIn>}
   */
  secondFactor(kind, body) {
    return this.#post(`/auth/mfa/${kind}`, body);
  }

  /**
   * Complete a sign-in with a passkey or security key.
   * @param {{ challengeToken: string, rememberDevice?: boolean }} body
   * @returns {Promise<SignIn>}
   */
  async secondFactorPasskey(body) {
    const options = await this.#post("/auth/mfa/webauthn/options", { challengeToken: body.challengeToken });
    return this.#post("/auth/mfa/webauthn", { ...body, credential: await this.#getPasskey(options) });
  }

  /**
   * Sign in with a passkey alone; with `mediation: "conditional"`, from the suggestions of a form.
   * @param {{ mediation?: CredentialMediationRequirement, signal?: AbortSignal }} [more]
   * @returns {Promise<SignIn>}
   */
  async passkey(more) {
    const credential = await this.#getPasskey(await this.#post("/auth/passkey/options", {}), more);
    return this.#post("/auth/passkey", { credential });
  }

  /**
   * Make a passkey for the signed-in person.
   * @param {string} name
   */
  async addPasskey(name) {
    const options = await this.request("POST", "/factors/webauthn/options", {});
    const credential = await createPasskey(this.#options.authenticator, options);
    return this.request("POST", "/factors/webauthn", { credential, name });
  }

  /** Go on with the session of an earlier page; resolves to false where there is none. */
  async resume() {
    try {
      if (this.isSignedIn) await this.refresh();
    } catch (error) {
      if (this.isSignedIn) throw error; // the service is away, not the session
    }
    return this.isSignedIn;
  }

  /** @returns {Promise<{ message: string, user: Json }>} */
  profile() {
    return this.request("GET", "/profile");
  }

  /**
   * @param {string} currentPassword
   * @param {string} newPassword
   */
  changePassword(currentPassword, newPassword) {
    return this.request("POST", "/account/password", { currentPassword, newPassword });
  }

  /** End this session. */
  async logout() {
    try {
      if (this.#isByCookie) await this.#post("/auth/logout", undefined, this.#csrf());
      else if (this.isSignedIn) await this.request("POST", "/auth/logout");
    } catch (error) {
      if (!(error instanceof OtpError && error.status === 401)) throw error; // 401: it had ended already
    }
    this.#forget();
  }

  /**
   * Call any route as the signed-in person, such as `request("GET", "/factors")`. Refreshes where needed, and repeats
   * the request after a step-up.
   * @param {string} method
   * @param {string} path below /api/v1
   * @param {Json} [body]
   * @returns {Promise<any>}
   */
  async request(method, path, body) {
    for (let mayRefresh = true, mayStepUp = true; ; ) {
      const token = await this.#accessToken();
      try {
        return this.#take(await this.#send(method, path, { body, headers: { Authorization: `Bearer ${token}` } }));
      } catch (error) {
        const code = error instanceof OtpError ? error.code : "";
        if (code === "invalid_token" && mayRefresh) {
          mayRefresh = false;
          if (this.#access?.token === token) this.#access = null; // unless another request has refreshed since
        } else if (code === "step_up_required" && mayStepUp && (await this.#stepUp(/** @type {OtpError} */ (error)))) {
          mayStepUp = false;
        } else {
          throw error;
        }
      }
    }
  }

  /**
   * Get a new access token. Calls at the same time share one refresh; tabs that share the storage take turns.
   * @returns {Promise<Json>}
   */
  refresh() {
    const { locks } = globalThis.navigator ?? {};
    const rotate = () => this.#rotate();
    this.#refreshing ??= (locks ? locks.request(`otp_service ${this.#http.root}`, rotate) : rotate()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #rotate() {
    if (!this.isSignedIn) throw new OtpError(401, { code: "access_token_required", message: "Sign in first." });
    const body = this.#isByCookie ? {} : { refreshToken: this.#kept("refreshToken") };
    const headers = this.#isByCookie ? this.#csrf() : {};
    const timeoutMs = this.#options.refreshTimeoutMs ?? REFRESH_MS;
    const send = () => this.#send("POST", "/auth/refresh", { body, headers, timeoutMs });
    try {
      return this.#take(await send().catch((error) => (error.status === 0 ? send() : Promise.reject(error))));
    } catch (error) {
      // 400: the browser has no cookie any more. 401: the session has ended. 403: the cookie is another session's.
      if (error instanceof OtpError && [400, 401, 403].includes(error.status)) this.#forget();
      throw error;
    }
  }

  async #accessToken() {
    if (!this.#access || Date.now() >= this.#access.staleAt) await this.refresh();
    return /** @type {{ token: string }} */ (this.#access).token;
  }

  /** @param {OtpError} error */
  #stepUp({ body: { methods, maxAgeSeconds } }) {
    const { onStepUp } = this.#options;
    if (!onStepUp) return false;
    /** @param {string} [channel] */
    const sendCode = (channel) => this.request("POST", "/auth/step-up/request", { channel });
    const ask = async () => {
      const answer = await onStepUp({ methods, maxAgeSeconds, sendCode });
      if (answer) await this.request("POST", "/auth/step-up", await this.#withPasskey(answer));
      return Boolean(answer);
    };
    // Requests that need it at the same time ask the person once.
    this.#steppingUp ??= ask().finally(() => {
      this.#steppingUp = null;
    });
    return this.#steppingUp;
  }

  /** @param {StepUpAnswer} answer */
  async #withPasskey(answer) {
    if (answer.method !== "webauthn" || answer.credential) return answer;
    const options = await this.request("POST", "/auth/step-up/options", { method: answer.method });
    return { ...answer, credential: await this.#getPasskey(options) };
  }

  /**
   * @param {Json} options
   * @param {Parameters<typeof getPasskey>[2]} [more]
   */
  #getPasskey(options, more) {
    return getPasskey(this.#options.authenticator, options, more);
  }

  /**
   * @param {string} path
   * @param {Json | undefined} body
   * @param {Record<string, string | undefined>} [headers]
   */
  async #post(path, body, headers) {
    return this.#take(await this.#send("POST", path, { body, headers }));
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {import("./http.js").Options} options
   */
  #send(method, path, options) {
    if (!this.#isByCookie) return this.#http.send(method, path, options);
    const headers = { "X-Token-Transport": "cookie", ...options.headers };
    return this.#http.send(method, path, { ...options, headers, credentials: "include" });
  }

  #csrf() {
    return { "X-CSRF-Token": this.#kept("csrfToken") ?? undefined };
  }

  /**
   * Keep the tokens of a response.
   * @param {any} given
   */
  #take(given) {
    if (given?.token && given.expiresIn) {
      const lifeMs = given.expiresIn * 1_000;
      this.#access = { token: given.token, staleAt: Date.now() + lifeMs - Math.min(EARLY_MS, lifeMs / 2) };
    }
    for (const name of ["refreshToken", "csrfToken", "deviceToken", "knownDeviceToken"]) {
      if (given?.[name]) this.#keep(name, given[name]);
    }
    return given;
  }

  #forget() {
    const wasSignedIn = this.isSignedIn;
    this.#access = null;
    this.#keep("refreshToken", null);
    this.#keep("csrfToken", null);
    if (wasSignedIn) this.#options.onSignedOut?.();
  }

  /** @param {string} name */
  #kept(name) {
    return this.#storage.getItem(`otp_service.${name}`);
  }

  /**
   * @param {string} name
   * @param {string | null} value
   */
  #keep(name, value) {
    if (value === null) this.#storage.removeItem(`otp_service.${name}`);
    else this.#storage.setItem(`otp_service.${name}`, value);
  }
}

/** @returns {Storage} */
function inMemory() {
  /** @type {Map<string, string>} */
  const kept = new Map();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  };
}
