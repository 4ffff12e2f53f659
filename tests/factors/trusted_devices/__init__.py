"""Tests of devices that are spared the second factor."""
