"""Pages for people, served by this process and not part of the API."""
