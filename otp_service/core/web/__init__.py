"""What HTTP needs before a feature sees a request: bodies, schemas, errors, headers, limits and the request's id."""
