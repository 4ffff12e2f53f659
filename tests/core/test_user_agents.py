"""Which browser and system a `User-Agent` names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_service.core.user_agents import browser_of, system_of

KNOWN = {
    "Amazon Silk", "Chrome", "DuckDuckGo", "Firefox", "Internet Explorer", "Mi Browser", "Microsoft Edge", "Opera",
    "Safari", "Samsung Internet", "UC Browser", "Vivaldi", "Yandex Browser",
    "Android", "iPhone", "iPad", "Windows", "macOS", "ChromeOS", "Linux",
}  # fmt: skip
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "browser", "system"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36", "Chrome", "Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/142.0 Safari/537.36 Edg/142.0", "Microsoft Edge", "Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) {WEBKIT} Chrome/142 Safari/537 OPR/128", "Opera", "macOS"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15", "Safari", "macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari", "iPhone"),
        ("Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) FxiOS/140.0 Safari/605.1.15", "Firefox", "iPad"),
        (f"Mozilla/5.0 (Linux; Android 16) {WEBKIT} SamsungBrowser/28.0 Chrome/130 Mobile Safari/537.36",
         "Samsung Internet", "Android"),
        (f"Mozilla/5.0 (X11; CrOS x86_64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36", "Chrome", "ChromeOS"),
        ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer", "Windows"),
        ("curl/8.11.0", None, None),
        ("Firefox", None, None),
        ("", None, None),
    ],
)  # fmt: skip
def test_well_known_programs_are_named(agent: str, browser: str | None, system: str | None) -> None:
    assert (browser_of(agent), system_of(agent)) == (browser, system)


@given(st.text(max_size=200))
def test_no_other_text_is_ever_returned(text: str) -> None:
    for agent in (text, f"{text} Firefox/1 Windows", f"Chrome/{text} Android{text}"):
        assert {browser_of(agent), system_of(agent)} <= {None, *KNOWN}
