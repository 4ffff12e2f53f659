"""Measures a running service in ratios: against the machine's own bcrypt and against bare Flask routes."""
