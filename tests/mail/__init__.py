"""Tests of what is written and how it leaves."""
