"""Tests of the outbox, on real databases and a real mail server."""
