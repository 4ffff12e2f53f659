"""The second factors, one folder each."""
