#!/usr/bin/env python3
"""Checks an access token of otp_service in another service, offline: only the key set is fetched, and kept.

Needs PyJWT and cryptography. Use: python check_token.py JWKS_URL ISSUER AUDIENCE ALGORITHM < token
"""

import json
import sys
from typing import Any

import jwt


class TokenChecker:
    """One for the life of a process: it remembers the keys for five minutes, and asks again for an unknown key id."""

    def __init__(self, jwks_url: str, *, issuer: str, audience: str, algorithm: str) -> None:
        self._keys = jwt.PyJWKClient(jwks_url, lifespan=300, timeout=3)
        self._issuer, self._audience, self._algorithm = issuer, audience, algorithm

    def check(self, token: str) -> dict[str, Any]:
        """The claims. Raises jwt.PyJWTError: altered, expired, foreign, or not an access token."""
        claims: dict[str, Any] = jwt.decode(
            token,
            self._keys.get_signing_key_from_jwt(token).key,
            algorithms=[self._algorithm],  # from your settings, never from the token
            issuer=self._issuer,
            audience=self._audience,
            options={"require": ["exp", "nbf", "sub", "sid", "typ"]},
        )
        if claims["typ"] != "access":
            raise jwt.InvalidTokenError("not an access token")
        return claims


if __name__ == "__main__":
    url, issuer, audience, algorithm = sys.argv[1:]
    checker = TokenChecker(url, issuer=issuer, audience=audience, algorithm=algorithm)
    try:
        sys.stdout.write(json.dumps(checker.check(sys.stdin.read().strip())) + "\n")
    except jwt.PyJWTError as error:
        sys.exit(f"refused: {error}")
