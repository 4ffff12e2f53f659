"""What a signed-in person sees and changes: `/profile` and `/account/*`."""
