// Checks an access token of otp_service in another service, offline: only the key set is fetched, and kept.
// Needs Node 18 or newer and no package. Use:
// echo "$TOKEN" | node docs/samples/check_token.mjs JWKS_URL ISSUER AUDIENCE ALGORITHM

import { createPublicKey, verify } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

const KEPT_MS = 300_000;
const LEEWAY_SECONDS = 5; // how far the clocks of the two services may be apart, as CLOCK_LEEWAY
const ASKED_AGAIN_AFTER_MS = 10_000; // an unknown key id makes nobody ask more often than this
const SIGNATURES = {
  ES256: { hash: "sha256", options: { dsaEncoding: "ieee-p1363" } },
  RS256: { hash: "sha256", options: {} },
  EdDSA: { hash: null, options: {} },
};

export class TokenChecker {
  #keys = new Map();
  #fetchedAt = 0;

  constructor(jwksUrl, { issuer, audience, algorithm }) {
    Object.assign(this, { jwksUrl, issuer, audience, algorithm, signature: SIGNATURES[algorithm] });
  }

  /** The claims. Throws: altered, expired, foreign, or not an access token. */
  async check(token) {
    const parts = token.split(".");
    if (parts.length !== 3) throw new Error("no JWT");
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
    this.#explain(header.alg);
    if (header.crit !== undefined) throw new Error("an extension that is not known");
    const key = { key: await this.#key(header.kid), ...this.signature.options };
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    if (!verify(this.signature.hash, signed, key, Buffer.from(parts[2], "base64url"))) throw new Error("bad signature");
    const now = Date.now() / 1000;
    if (!(now < claims.exp)) throw new Error("expired"); // without leeway: it would lengthen the life of a token
    if (!(Math.max(claims.nbf, claims.iat) - LEEWAY_SECONDS <= now)) throw new Error("from the future: compare the clocks");
    const audiences = [claims.aud].flat();
    if (claims.iss !== this.issuer || !audiences.includes(this.audience)) throw new Error("not for us");
    if (claims.typ !== "access" || typeof claims.sub !== "string") throw new Error("not an access token");
    return claims;
  }

  /** Says what the operator has to change if the service signs with another algorithm. */
  #explain(signedWith) {
    if (signedWith === "HS256" || this.algorithm === "HS256")
      throw new Error("the service signs with HS256, which has no public key. Set JWT_ALGORITHM=ES256 there, and name it here");
    if (signedWith !== this.algorithm || !this.signature)
      throw new Error(`the token is signed with ${signedWith}, and ${this.algorithm} was named`);
  }

  async #key(kid) {
    const age = Date.now() - this.#fetchedAt;
    if (age > KEPT_MS || (!this.#keys.has(kid) && age > ASKED_AGAIN_AFTER_MS)) await this.#fetch();
    const key = this.#keys.get(kid);
    if (!key) throw new Error("unknown key");
    return key;
  }

  async #fetch() {
    const answer = await fetch(this.jwksUrl, { signal: AbortSignal.timeout(3000), redirect: "error" });
    if (!answer.ok) throw new Error(`no key set: ${answer.status}`);
    const { keys } = await answer.json();
    const ours = keys.filter((key) => key.alg === this.algorithm);
    this.#keys = new Map(ours.map((key) => [key.kid, createPublicKey({ key, format: "jwk" })]));
    this.#fetchedAt = Date.now();
  }
}

if (realpathSync(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) {
  const [url, issuer, audience, algorithm] = process.argv.slice(2);
  if (!algorithm) {
    console.error('Use: echo "$TOKEN" | node docs/samples/check_token.mjs JWKS_URL ISSUER AUDIENCE ALGORITHM');
    process.exit(1);
  }
  try {
    const claims = await new TokenChecker(url, { issuer, audience, algorithm }).check(readFileSync(0, "utf8").trim());
    console.log(JSON.stringify(claims));
  } catch (error) {
    console.error(`refused: ${error.message}`);
    process.exitCode = 1;
  }
}
