"""Getting in: registration, sign-in, second step, step-up and sign-out (`/auth/*`)."""
