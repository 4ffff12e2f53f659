"""What holds of every factor in the registry."""

import pytest
from flask import Flask

from otp_service.factors.contract import Factor
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.registry import FACTORS, METHOD_NAMES, get, methods, methods_without_phone, second_steps
from tests.factories import make_person

EACH = pytest.mark.parametrize("factor", FACTORS, ids=lambda factor: factor.kind)


@EACH
def test_a_method_name_stands_for_one_factor(factor: Factor) -> None:
    assert [get(name) for name in factor.method_names] == [factor] * len(factor.method_names)


def test_names_are_unique_and_an_unknown_one_is_no_method() -> None:
    kinds = [factor.kind for factor in FACTORS]
    assert len(set(kinds)) == len(kinds)
    assert len(set(METHOD_NAMES)) == len(METHOD_NAMES)
    with pytest.raises(MethodNotEnrolled):
        get("pigeon")


@EACH
def test_the_own_routes_of_a_factor_are_below_factors(factor: Factor) -> None:
    assert factor.blueprint is None or str(factor.blueprint.url_prefix).startswith("/factors/")


@EACH
def test_a_user_without_the_factor_has_an_empty_description(app: Flask, factor: Factor) -> None:
    person = make_person(app)
    with app.app_context():
        assert factor.describe(person.id) == []
        assert [part.read(person.id) for part in factor.personal_data] == [[] for _ in factor.personal_data]


def test_only_other_factors_than_the_phone_make_a_second_step_due(app: Flask) -> None:
    person = make_person(app)
    with app.app_context():
        assert methods(person.id) == ("sms", "callout", "flashcall", "whatsapp")
        assert methods_without_phone(person.id) == second_steps(person.id) == ()
