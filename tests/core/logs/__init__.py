"""Tests of the log: its form, and what never appears in it."""
