"""Tests of the server-to-server API."""
