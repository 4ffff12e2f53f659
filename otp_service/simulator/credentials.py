"""The credentials a simulator accepts when it is given none: made up, and of no use anywhere else."""

DEMO_KEY = "00000000-demo-0000-0000-simulator000"
DEMO_SECRET = "bm90LWEtcmVhbC1zaW5jaC1zZWNyZXQ="  # noqa: S105 - base64 of "not-a-real-sinch-secret"
