"""Tests of the request limits per client address, in memory and in a real Valkey."""
