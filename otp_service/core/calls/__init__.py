"""Calls to servers outside: bounded in time and size, guarded, and sure about what is known when one fails."""
