"""The simulated Sinch behind its HTTP API: verifications, what they send, what they cost, and the events about them."""
