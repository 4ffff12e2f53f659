"""What a person does to get in: register, sign in, prove the phone, refresh, sign out."""
