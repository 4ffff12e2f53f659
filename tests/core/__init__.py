"""Tests of the parts that every feature stands on."""
