"""The authenticator app: time-based codes (RFC 6238) of a secret that the app and this service share."""
