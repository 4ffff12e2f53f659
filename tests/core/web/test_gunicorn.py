"""What only a real server shows: chunks, broken requests, and its own header."""

from collections.abc import Iterator

import pytest

from tests.core.web.gunicorn import Gunicorn

pytestmark = pytest.mark.one_database

LOGIN = b"POST /api/v1/auth/login HTTP/1.1\r\nContent-Type: application/json\r\n"
CHUNKED = LOGIN + b"Transfer-Encoding: chunked\r\n"
CREDENTIALS = b'{"email": "nobody@example.com", "password": "x"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A running service, which began with an empty database."""
    folder = tmp_path_factory.mktemp("gunicorn")
    with Gunicorn(folder, DATABASE_URL=f"sqlite:///{folder}/own.db") as gunicorn:
        yield gunicorn


def chunks(data: bytes, size: int = 8_192) -> bytes:
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_server_that_may_migrate_is_ready_on_an_empty_database(server: Gunicorn) -> None:
    assert server.send(b"GET /ready HTTP/1.1\r\n").status == 200


def test_the_server_header_tells_no_version(server: Gunicorn) -> None:
    answer = server.send(b"GET /health HTTP/1.1\r\n")
    assert (answer.status, answer.headers["server"]) == (200, "gunicorn")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("length", "status"), [(65_536, 401), (65_537, 413), (65_536 + 8_192, 413), (300_000, 413)])
def test_chunks_of_more_than_64_kib_are_413(server: Gunicorn, length: int, status: int) -> None:
    body = CREDENTIALS + b" " * (length - len(CREDENTIALS))
    assert server.send(CHUNKED, chunks(body)).status == status


@pytest.mark.parametrize("chunk", [b"zz\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n", b"2\r\n{}0\r\n\r\n"])
def test_a_chunk_that_is_none_is_400_and_never_500(server: Gunicorn, chunk: bytes) -> None:
    answer = server.send(CHUNKED, chunk)
    assert answer.status == 400
    assert answer.json["code"] in {"malformed_json", "bad_request"}


@pytest.mark.parametrize("length", [b"70000", b"9999999999"])
def test_a_long_body_is_refused_before_it_has_arrived(server: Gunicorn, length: bytes) -> None:
    assert server.send(LOGIN + b"Content-Length: " + length + b"\r\n", b"{").status == 413


@pytest.mark.parametrize(
    "head",
    [
        b"garbage\r\n",
        LOGIN + b"Content-Length: -1\r\n",
        LOGIN + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"GET /health HTTP/1.1\r\nX-Request-ID: a\x1b[31mb\r\n",
        b"GET /health HTTP/1.1\r\nUser-Agent: a\x00b\r\n",
        b"GET /health HTTP/1.1\r\nHost: other\r\n",
    ],
)
def test_a_request_that_is_none_is_400_without_a_trace(server: Gunicorn, head: bytes) -> None:
    answer = server.send(head, b"{}")
    assert answer.status == 400
    assert b"Traceback" not in answer.body


def test_nothing_of_all_this_was_a_failure_of_the_service(server: Gunicorn) -> None:
    assert "request.failed" not in server.log
    assert "Traceback" not in server.log


REFUSED_BY_THE_SERVER = {
    "no request line": (b"nonsense\r\n", 400, "bad_request"),
    "a version that is none": (b"GET / HTTP/7.x\r\n", 400, "bad_request"),
    "a header without a colon": (b"GET / HTTP/1.1\r\nnonsense\r\n", 400, "bad_request"),
    "two lengths": (LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n", 400, "bad_request"),
    "a long address": (b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\n", 414, "uri_too_long"),
    "a long header": (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 9_000 + b"\r\n", 431, "headers_too_large"),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 65, 431, "headers_too_large"),
    "another transfer coding": (LOGIN + b"Transfer-Encoding: cramped\r\n", 501, "transfer_coding_unknown"),
}


@pytest.mark.parametrize("name", REFUSED_BY_THE_SERVER)
def test_what_the_server_itself_refuses_is_an_error_in_our_form(server: Gunicorn, name: str) -> None:
    request, status, code = REFUSED_BY_THE_SERVER[name]

    answer = server.send(request)

    assert (answer.status, answer.json["statusCode"], answer.json["code"]) == (status, status, code)
    assert answer.json["status"] == "error"
    assert answer.json["message"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == answer.json["requestId"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json["requestId"] in server.log
