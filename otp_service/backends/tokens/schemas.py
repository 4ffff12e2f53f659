"""The requests and responses about access tokens; their names are those of the standards."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, fields, validate

from otp_service.core.web.schema import Schema, one_fault
from otp_service.sessions.access import LEVELS

_SECONDS = re.compile(r"[0-9]{1,9}")
_MAX_AGE = "Provide maxAge as whole seconds, 1 or more."


class IntrospectIn(Schema):
    """The form of RFC 7662. Other fields are ignored (RFC 6749, section 3.2): libraries add some."""

    class Meta:
        unknown = EXCLUDE

    token = fields.String(required=True, error_messages=one_fault("Provide the token."))
    token_type_hint = fields.String(
        data_key="token_type_hint", metadata={"description": "Has no effect: this service has one kind of token."}
    )


class IntrospectionOut(Schema):
    """What an access token says. Without `active: true` there is no other member."""

    active = fields.Boolean(required=True)
    sub = fields.String(metadata={"description": "The id of the user.", "examples": ["17"]})
    sid = fields.UUID(metadata={"description": "The id of the session."})
    exp = fields.Integer(metadata={"description": "Seconds since 1970.", "examples": [1768469400]})
    iat = fields.Integer(metadata={"description": "Seconds since 1970.", "examples": [1768468500]})
    iss = fields.String(metadata={"examples": ["https://id.example.com"]})
    aud = fields.String(metadata={"examples": ["otp_service"]})
    amr = fields.List(
        fields.String(metadata={"examples": ["pwd"]}), metadata={"description": "How the user signed in (RFC 8176)."}
    )
    acr = fields.String(metadata={"enum": list(LEVELS)})
    auth_time = fields.Integer(
        data_key="auth_time", metadata={"description": "When the user signed in.", "examples": [1768468400]}
    )
    is_verified = fields.Boolean(metadata={"description": "Whether the user's number is verified now."})


class _WholeSeconds(fields.Integer):
    """A number of seconds in ASCII digits: Python's own reading would take blanks, signs and underscores, too."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not _SECONDS.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(super()._deserialize(value, attr, data, **kwargs))


class ForwardAuthIn(Schema):
    """What the proxy requires of the sign-in. A misspelled parameter is rejected: it would protect less than meant."""

    error_messages = {  # noqa: RUF012 - how marshmallow wants it
        "unknown": "Only acr and maxAge are known here. In Caddy, end the uri of forward_auth with a question mark."
    }

    acr = fields.String(
        # To ask for more than any sign-in has would reject everyone.
        validate=validate.OneOf(LEVELS, error="Provide acr as aal1 or aal2."),
        metadata={"description": "The least level of the sign-in: `aal2` for two factors."},
    )
    max_age_seconds = _WholeSeconds(
        data_key="maxAge",
        validate=validate.Range(min=1, max=999_999_999, error=_MAX_AGE),
        error_messages=one_fault(_MAX_AGE),
        metadata={"description": "How many seconds ago the user may have signed in.", "examples": [600]},
    )


class MetadataOut(Schema):
    """The metadata of RFC 8414. Without a known address, the members that need one are absent."""

    issuer = fields.String(required=True, metadata={"examples": ["https://id.example.com"]})
    jwks_uri = fields.Url(
        data_key="jwks_uri",
        metadata={
            "description": "The public keys; none while the algorithm is HS256.",
            "examples": ["https://id.example.com/.well-known/jwks.json"],
        },
    )
    introspection_endpoint = fields.Url(
        data_key="introspection_endpoint", metadata={"examples": ["https://id.example.com/api/v1/tokens/introspect"]}
    )
    introspection_endpoint_auth_methods_supported = fields.List(
        fields.String(metadata={"examples": ["Bearer"]}),
        data_key="introspection_endpoint_auth_methods_supported",
        metadata={"description": "An API key as a bearer token, or as client id with an empty secret."},
    )
    response_types_supported = fields.List(
        fields.String(),
        required=True,
        data_key="response_types_supported",
        metadata={"description": "Empty: no flow starts here.", "examples": [[]]},
    )
    grant_types_supported = fields.List(
        fields.String(),
        required=True,
        data_key="grant_types_supported",
        metadata={"description": "Empty: this service signs people in by its own routes.", "examples": [[]]},
    )
