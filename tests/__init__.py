"""Tests of the service, through HTTP where behaviour is meant."""
