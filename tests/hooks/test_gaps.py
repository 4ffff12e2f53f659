"""Ids that are committed out of order are found when they appear, and given up when they cannot appear any more."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from otp_service.hooks.gaps import KEPT, MOST, Gap, Seen

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(seen: Seen, *ids: int, cut_off_at: int | None = None, after: timedelta = timedelta(0)) -> Seen:
    return seen.after(ids, cut_off_at=cut_off_at, now=NOW + after)


def test_ids_in_order_leave_no_gap() -> None:
    assert read(Seen(10), 11, 12, 13) == Seen(13)


def test_nothing_new_changes_nothing() -> None:
    assert read(Seen(10)) == Seen(10)


def test_what_is_missing_is_a_gap_until_it_appears() -> None:
    seen = read(Seen(10), 11, 14)
    assert seen == Seen(14, (Gap(12, 13, NOW),))
    assert seen.oldest_unseen == 12

    seen = read(seen, 13, 15)
    assert seen == Seen(15, (Gap(12, 12, NOW),))

    assert read(seen, 12) == Seen(15)


def test_in_whatever_order_ids_are_committed_each_is_looked_for_until_it_is_seen() -> None:
    for order in permutations(range(1, 6)):
        seen = Seen(0)
        for number in order:
            is_looked_for = number > seen.up_to or any(gap.first <= number <= gap.last for gap in seen.gaps)
            assert is_looked_for
            seen = read(seen, number)
        assert seen == Seen(5)


def test_a_gap_is_given_up_when_its_transaction_must_have_ended() -> None:
    seen = read(Seen(10), 12)

    assert read(seen, 13, after=KEPT - timedelta(seconds=1)).gaps == (Gap(11, 11, NOW),)
    assert read(seen, 13, after=KEPT) == Seen(13)


def test_a_gap_that_the_read_did_not_reach_is_read_once_more_however_old_it_is() -> None:
    seen = Seen(100, (Gap(1, 50, NOW), Gap(60, 70, NOW)))

    assert read(seen, *range(1, 41), cut_off_at=40, after=KEPT) == Seen(100, (Gap(41, 50, NOW), Gap(60, 70, NOW)))


def test_many_gaps_become_one_span() -> None:
    seen = read(Seen(0), *range(2, 2 * MOST + 3, 2))

    assert seen.gaps == (Gap(1, 2 * MOST + 1, NOW),)
