"""Forms of text: language tags, names with emoji, and blanks."""

import re

import pytest

from otp_service.core.text import LANGUAGE_TAG, regional_tag, steers, trimmed, without_blanks

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("tag", "region"),
    [
        ("en", "en"),
        ("en-us", "en-us"),
        ("pt-BR", "pt-BR"),
        ("zh-Hans-CN", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("zh-cmn-Hans-CN", "zh-Hans-CN"),
        ("de-CH-1996", "de-CH"),
        ("sl-rozaj-biske", "sl"),
        ("en-US-u-hc-h12", "en-US"),
        ("de-u-co-phonebk", "de"),
        ("en-a-bbb-x-a-ccc", "en"),
        ("ja-JP-u-ca-japanese-x-own", "ja-JP"),
    ],
)
def test_a_language_tag_may_have_extensions(tag: str, region: str) -> None:
    assert re.fullmatch(LANGUAGE_TAG, tag)
    assert regional_tag(tag) == region


@pytest.mark.parametrize(
    "tag", ["", "e", "!", "en_US", "en-", "-en", "en-u", "en-US-u-", "en-x", "1en", "en--US", "ｅｎ"]
)
def test_what_is_no_language_tag_is_none(tag: str) -> None:
    assert not re.fullmatch(LANGUAGE_TAG, tag)


@pytest.mark.parametrize("name", [f"Ada {ENGLAND}", f"{ENGLAND}{ENGLAND}", "👩\u200d🔬", "🏴"])
def test_an_emoji_of_several_characters_steers_nothing(name: str) -> None:
    assert not steers(name)


@pytest.mark.parametrize(
    "name", [ENGLAND[1:], ENGLAND[:-1], f"Ada{ENGLAND[1:]}", "\U0001f3f4\U000e007f", f"\U0001f3f4{ENGLAND[1:-1] * 9}"]
)
def test_tag_characters_outside_the_flag_of_a_region_hide_a_text(name: str) -> None:
    assert steers(name)


def test_blanks_and_characters_without_a_shape_are_taken_off() -> None:
    assert trimmed("\u202a \tada lovelace\u200b\u00a0") == "ada lovelace"
    assert without_blanks(" 25\u00a048\u200e") == "2548"
    assert trimmed(" \u200b") == ""
