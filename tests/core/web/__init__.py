"""Tests of what every answer is like: errors, bodies, headers, CORS, request ids."""
