"""Backup codes: a way in for emergencies, ten at a time, each good once."""
