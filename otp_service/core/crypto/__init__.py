"""Encryption at rest, keyed hashes and password hashes."""
