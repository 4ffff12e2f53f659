"""A process of the service that asks for codes by name, one after another, and prints each status; tests kill some."""

import os
import sys

from config import Config
from otp_service import create_app
from tests.api import Api


def main() -> None:
    """Ask for each address on the command line."""
    api = Api(create_app(Config.from_env(os.environ)))
    for email in sys.argv[1:]:
        answer = api.post("/auth/request-otp", {"email": email})
        sys.stdout.write(f"{answer.status_code} {answer.json.get('code')}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
