"""Tests of what other services learn about access tokens."""
