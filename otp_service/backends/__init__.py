"""The server-to-server API: backends call it with a key, in the name of an app."""
