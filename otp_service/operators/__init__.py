"""The command line: `flask users`, `sessions`, `otp`, `keys`, `doctor` and their like."""
