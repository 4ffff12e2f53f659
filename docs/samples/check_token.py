#!/usr/bin/env python3
"""Checks an access token of otp_service in another service, offline: only the key set is fetched, and kept.

Needs PyJWT and cryptography (pip install "pyjwt[crypto]"), which the .venv of this service has. Use:
echo "$TOKEN" | python docs/samples/check_token.py JWKS_URL ISSUER AUDIENCE ALGORITHM
"""

import json
import sys
import time
from typing import Any

try:
    import jwt
except ModuleNotFoundError:
    sys.exit('PyJWT is missing here. Install it: pip install "pyjwt[crypto]". Or run .venv/bin/python in this folder.')

USE = "Use: echo $TOKEN | python docs/samples/check_token.py JWKS_URL ISSUER AUDIENCE ALGORITHM"
LEEWAY_SECONDS = 5  # how far the clocks of the two services may be apart, as CLOCK_LEEWAY


class TokenChecker:
    """One for the life of a process: it remembers the keys for five minutes, and asks again for an unknown key id."""

    def __init__(self, jwks_url: str, *, issuer: str, audience: str, algorithm: str) -> None:
        self._keys = jwt.PyJWKClient(jwks_url, lifespan=300, timeout=3)
        self._issuer, self._audience, self._algorithm = issuer, audience, algorithm

    def check(self, token: str) -> dict[str, Any]:
        """The claims. Raises jwt.PyJWTError: altered, expired, foreign, or not an access token."""
        self._explain(jwt.get_unverified_header(token).get("alg"))
        claims: dict[str, Any] = jwt.decode(
            token,
            self._keys.get_signing_key_from_jwt(token).key,
            algorithms=[self._algorithm],  # from your settings, never from the token
            issuer=self._issuer,
            audience=self._audience,
            # Below, because PyJWT's own leeway would also lengthen the life of a token.
            options={"require": ["exp", "nbf", "iat", "sub", "sid", "typ"], "verify_nbf": False, "verify_iat": False},
        )
        if max(claims["nbf"], claims["iat"]) - LEEWAY_SECONDS > time.time():  # noqa: TID251 - this is no part of the service
            raise jwt.ImmatureSignatureError("the token is from the future: compare the clocks")
        if claims["typ"] != "access":
            raise jwt.InvalidTokenError("not an access token")
        return claims

    def _explain(self, signed_with: object) -> None:
        """Say what the operator has to change if the service signs with another algorithm."""
        if "HS256" in {signed_with, self._algorithm}:
            raise jwt.InvalidAlgorithmError(
                "the service signs with HS256, which has no public key. Set JWT_ALGORITHM=ES256 there, and name it here"
            )
        if signed_with != self._algorithm:
            raise jwt.InvalidAlgorithmError(
                f"the token is signed with {signed_with!r}, and {self._algorithm} was named"
            )


if __name__ == "__main__":
    if len(sys.argv) != 5:  # noqa: PLR2004 - the four above
        sys.exit(USE)
    url, issuer, audience, algorithm = sys.argv[1:]
    checker = TokenChecker(url, issuer=issuer, audience=audience, algorithm=algorithm)
    try:
        sys.stdout.write(json.dumps(checker.check(sys.stdin.read().strip())) + "\n")
    except jwt.PyJWTError as error:
        sys.exit(f"refused: {error}")
