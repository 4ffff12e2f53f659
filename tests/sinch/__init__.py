"""Tests of the Sinch client, on real sockets."""
