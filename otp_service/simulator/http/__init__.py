"""HTTP without Sinch's operations: the socket, requests and responses, errors, authorization."""
