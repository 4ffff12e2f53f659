"""The image and the compose file: what runs is not root, cannot be written, is locked, and comes without secrets."""

import fnmatch
import re
from typing import Any

import pytest
import yaml

from otp_service.config import ROOT

pytestmark = pytest.mark.one_database

OURS = ("service", "worker", "migration")


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(name, rest) for name, _, rest in (line.strip().partition(" ") for line in lines if line.strip())]


def last_stage() -> list[tuple[str, str]]:
    """The instructions of the image that runs."""
    found = instructions()
    start = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of the compose file."""
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"])


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    (user,) = (rest for name, rest in last_stage() if name == "USER")

    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", user)


def test_the_image_is_built_in_stages_from_a_version_that_is_named() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    (image,) = (rest.partition("=")[2] for name, rest in instructions() if name == "ARG")

    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    assert re.fullmatch(r"docker\.io/library/python:3\.[0-9]+-slim-[a-z]+", image)
    assert "pip" not in " ".join(rest for name, rest in last_stage() if name == "RUN")


def test_only_locked_requirements_with_hashes_are_installed() -> None:
    (install,) = (rest for name, rest in instructions() if name == "RUN" and " install " in rest)

    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(install.split())
    assert install.split("--requirement ")[1].startswith("requirements.txt")
    assert "ADD" not in {name for name, _ in instructions()}


def test_the_health_of_the_image_is_asked_for() -> None:
    (check,) = (rest for name, rest in last_stage() if name == "HEALTHCHECK")

    assert "/health" in check
    assert "--interval=" in check


def test_the_image_gets_every_part_of_the_code_and_nothing_else() -> None:
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    sources = [source.rstrip("/") for row in copied for source in row]
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line[1:] for line in lines if line.startswith("!")]

    assert sorted(sources) == sorted(sent)
    assert all((ROOT / source).exists() for source in sources)
    assert lines[1] == "*"
    for secret in (".env", "instance/secret.key", ".git/config", "tests/api.py"):
        assert not any(fnmatch.fnmatch(secret, pattern) or secret.startswith(f"{pattern}/") for pattern in sent)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_cannot_write_their_root_or_gain_rights(services: dict[str, Any], name: str) -> None:
    service = services[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert service["environment"]["APP_ENV"] == "production"


def test_the_schema_is_upgraded_before_anything_serves(services: dict[str, Any]) -> None:
    assert services["migration"]["command"] == ["flask", "db", "upgrade"]
    assert services["migration"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("service", "worker"):
        assert services[name]["depends_on"]["migration"] == {"condition": "service_completed_successfully"}
    assert services["worker"]["command"] == ["flask", "worker"]


def test_only_the_service_can_be_reached_and_only_from_this_machine(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert ports == {"service": ["127.0.0.1:8000:8000"]}


def test_every_image_of_others_has_a_version_and_a_health_check(services: dict[str, Any]) -> None:
    for name in set(services) - set(OURS):
        assert re.search(r":[0-9]+[a-z0-9.-]*$", services[name]["image"]), name
        assert services[name]["healthcheck"]["test"], name


def test_the_compose_file_holds_no_secret() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")

    assert re.findall(r"POSTGRES_PASSWORD: (.+)", text) == ["${POSTGRES_PASSWORD}"]
    assert "postgresql://otp:${POSTGRES_PASSWORD:?" in text
