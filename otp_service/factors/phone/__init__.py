"""The phone as a second factor: a code by SMS, voice call, flash call or WhatsApp."""
