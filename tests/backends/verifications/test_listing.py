"""GET /verifications: the app's own, newest first, page by page."""

import re
from typing import Any

import pytest
from flask import Flask

from otp_service.backends.verifications.cursors import CURSOR_PATTERN
from tests.backends.verifications.shops import Shop
from tests.factories import new_number


def ids(page: dict[str, Any]) -> list[str]:
    return [one["id"] for one in page["verifications"]]


def test_the_list_has_the_newest_first_and_no_other_apps(app: Flask, shop: Shop) -> None:
    made = [shop.started()["id"] for _ in range(3)]
    Shop(app).started()

    page = shop.get("/verifications").json

    assert ids(page) == made[::-1]
    assert page["next"] is None


def test_a_reference_and_a_number_in_any_spelling_narrow_the_list(shop: Shop) -> None:
    number = new_number()
    mine = shop.started(number, reference="a&b")["id"]
    shop.started(reference="other")

    found = [
        ids(shop.get(f"/verifications?{query}").json)
        for query in ("reference=a%26b", f"phoneNumber=%2B{number[1:]}", f"phoneNumber={number}", "reference=none")
    ]

    assert found == [[mine], [mine], [mine], []]
    assert ids(shop.get(f"/verifications?reference=&phoneNumber={number}&cursor=").json) == [mine]


def test_pages_follow_each_other_without_a_gap(app: Flask, shop: Shop) -> None:
    made = [shop.started()["id"] for _ in range(50)]
    full = shop.get("/verifications").json
    made += [shop.started()["id"] for _ in range(2)]

    first = shop.get("/verifications").json
    shop.started()
    second = shop.get(f"/verifications?cursor={first['next']}").json

    assert ids(first) + ids(second) == made[::-1]
    assert (len(ids(full)), full["next"]) == (50, None)
    assert re.fullmatch(CURSOR_PATTERN, first["next"])
    assert (len(ids(first)), second["next"]) == (50, None)


@pytest.mark.parametrize("query", ["cursor=x", "cursor=!!!", "phoneNumber=12", "page=2",
                                   "cursor=f__________________________________"])  # fmt: skip
def test_a_malformed_query_is_rejected(shop: Shop, query: str) -> None:
    assert shop.get(f"/verifications?{query}").status_code == 400
