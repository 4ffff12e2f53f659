"""The routes for events that providers send on their own."""
