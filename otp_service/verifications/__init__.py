"""The life of a code: sends it to a phone, checks it, and lets its proof be spent once. Knows owners, not users."""

from otp_service.verifications.checking import Proof, find_on_its_way, prove, spend
from otp_service.verifications.destinations import (
    CHANNELS,
    channels_to,
    check_anonymous_channel,
    check_destination,
    find_destination,
    find_refusal,
)
from otp_service.verifications.owners import Owner, find_user_id, owner_of_app, owner_of_user
from otp_service.verifications.records import end_codes, end_codes_of_others, end_codes_of_users, forget_owner
from otp_service.verifications.sending import Along, Delivery, Recipient, find_started, send
from otp_service.verifications.states import Asker, Purpose

__all__ = [
    "CHANNELS",
    "Along",
    "Asker",
    "Delivery",
    "Owner",
    "Proof",
    "Purpose",
    "Recipient",
    "channels_to",
    "check_anonymous_channel",
    "check_destination",
    "end_codes",
    "end_codes_of_others",
    "end_codes_of_users",
    "find_destination",
    "find_on_its_way",
    "find_refusal",
    "find_started",
    "find_user_id",
    "forget_owner",
    "owner_of_app",
    "owner_of_user",
    "prove",
    "send",
    "spend",
]
