"""Tests of devices whose sign-ins skip the second factor."""
