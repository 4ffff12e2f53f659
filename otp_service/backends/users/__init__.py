"""Users for backends: what support staff needs, as the command line has it."""
