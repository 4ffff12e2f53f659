"""What an authenticator answers, and what was read out of it, as values."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A new credential as the browser gives it; nothing of it is checked yet."""

    id: bytes
    raw_id: bytes
    type: str
    client_data: bytes
    attestation_object: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A signature as the browser gives it; nothing of it is checked yet."""

    id: bytes
    raw_id: bytes
    type: str
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A new credential whose answer was right. `synced`: copied to other devices of its owner."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: uuid.UUID
    synced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a right signature tells. `user_verified`: by PIN or biometrics, on the authenticator."""

    sign_count: int
    user_verified: bool
    synced: bool
