"""Passkeys and security keys (W3C Web Authentication): enrol them, prove them, name and remove them."""
