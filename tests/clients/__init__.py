"""The clients in `clients/`, run as their users run them, against the service."""
