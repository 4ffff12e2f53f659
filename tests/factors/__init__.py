"""Tests of the second factors."""
