"""Accounts: the user, the password, the e-mail address and the number."""
