"""Recovery of an account whose password is forgotten: `/auth/password-reset`."""
