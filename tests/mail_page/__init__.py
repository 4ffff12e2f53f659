"""Tests of the page of e-mails."""
