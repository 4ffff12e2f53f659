"""Connections to a mail server that sign in with user and password in UTF-8 (RFC 4616, section 2)."""

import base64
import hmac
import smtplib
from collections.abc import Callable

MOST_CHALLENGES = 5
_MORE, _IS_SIGNED_IN = 334, (235, 503)


class Connection(smtplib.SMTP):
    """An SMTP connection whose login is not limited to ASCII, as that of smtplib is."""

    _auth_challenge_count: int
    """Read by `auth_login` of smtplib: the second challenge asks for the password."""

    def auth(
        self, mechanism: str, authobject: Callable[..., str | None], *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        """Sign in by one mechanism. Raises smtplib.SMTPAuthenticationError."""
        first = authobject() if initial_response_ok else None
        self._auth_challenge_count = 0 if first is None else 1
        code, reply = self.docmd("AUTH", mechanism if first is None else f"{mechanism} {_base64(first)}")
        while code == _MORE and self._auth_challenge_count < MOST_CHALLENGES:
            self._auth_challenge_count += 1
            code, reply = self.docmd(_base64(authobject(base64.decodebytes(reply)) or ""))
        if code not in _IS_SIGNED_IN:
            raise smtplib.SMTPAuthenticationError(code, reply)
        return code, reply

    def auth_cram_md5(self, challenge: bytes | None = None) -> str | None:  # type: ignore[override]
        """Return the response of RFC 2195, which needs a challenge first."""
        if challenge is None:
            return None
        return f"{self.user} {hmac.new(self.password.encode(), challenge, 'md5').hexdigest()}"


class TlsConnection(Connection, smtplib.SMTP_SSL):
    """The same, with TLS from the start."""


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
