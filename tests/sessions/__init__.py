"""Tests of access tokens, refresh tokens and the sessions behind them."""
