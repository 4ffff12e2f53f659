"""Verifications for backends: a number is verified for an app, without an account (ADR 31)."""
