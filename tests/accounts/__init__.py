"""Tests of users, their passwords and profiles."""
