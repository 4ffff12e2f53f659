"""Anomalies at sign-in: rules that compare a sign-in with the account's earlier ones, and what follows (ADR 51)."""

from otp_service.anomalies.errors import SignInDenied, StrongestFactorRequired
from otp_service.anomalies.judging import Arrival, judge, report
from otp_service.anomalies.rules import ALLOWED, Others, Verdict
from otp_service.anomalies.settings import Action, AnomalySettings, read_anomalies

__all__ = [
    "ALLOWED",
    "Action",
    "AnomalySettings",
    "Arrival",
    "Others",
    "SignInDenied",
    "StrongestFactorRequired",
    "Verdict",
    "judge",
    "read_anomalies",
    "report",
]
