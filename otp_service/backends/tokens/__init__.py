"""Access tokens for other services: introspection, forward auth, and the metadata by which libraries find both."""
