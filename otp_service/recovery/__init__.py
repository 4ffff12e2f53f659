"""Gets people back in who forgot their password."""
