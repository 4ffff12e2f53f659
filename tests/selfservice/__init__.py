"""Tests of what a signed-in person sees and changes: `/account/*` and `/profile`."""
