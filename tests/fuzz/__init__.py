"""Schemathesis compares the routes with the OpenAPI document: `make fuzz`. `make test` does not collect this."""
