"""Tests of the password reset."""
