"""The keys that sign rows and heads: those of ENCRYPTION_KEY, and those of encryption keys that were removed since.

A row keeps the key that signed it for as long as it is stored. So `flask keys rotate-encryption` stores the keys of the
trail, encrypted under the newest key, before an operator removes an older one (ADR 48).
"""

import uuid
from collections.abc import Mapping

from sqlalchemy import select

from otp_service.audit import chain
from otp_service.audit.chain import PURPOSE, Keys
from otp_service.audit.models import AuditKey
from otp_service.audit.subject_keys import open_key, row_of
from otp_service.core import clock
from otp_service.core.crypto.secrets import Unreadable, keyring
from otp_service.core.database.transactions import execute, fetch_all, transaction, upsert

OF_THE_TRAIL = "trail:"
"""How the subjects of these keys begin. They stay when those of people go."""


def all_keys() -> Mapping[str, Keys]:
    """Return every key that may have signed a row, by its id, the newest first."""
    stored = fetch_all(
        select(AuditKey.id, AuditKey.subject, AuditKey.sealed_key).where(AuditKey.subject.like(f"{OF_THE_TRAIL}%"))
    )
    found = dict(chain.keys_of(keyring()))
    for row in stored:
        try:
            root = open_key(row.id, row.sealed_key)
        except Unreadable:
            continue  # the rows that it signed are reported, with its id
        found.setdefault(row.subject.removeprefix(OF_THE_TRAIL), chain.keys_from(root))
    return found


def keep_signers() -> None:
    """Store the keys that older encryption keys have for the trail, encrypted under the newest. Safe to repeat."""
    now = clock.now()
    with transaction():
        for signer, root in list(keyring().derived(PURPOSE).items())[1:]:
            key_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{OF_THE_TRAIL}{signer}")
            row = row_of(key_id, f"{OF_THE_TRAIL}{signer}", root, now=now)
            execute(upsert(AuditKey).values(row).on_conflict_do_nothing())
