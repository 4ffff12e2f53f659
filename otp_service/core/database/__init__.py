"""Transactions, statements and columns: all that the service does with its database goes through here."""
