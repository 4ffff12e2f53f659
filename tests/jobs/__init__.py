"""Tests of the background jobs, with real worker processes."""
