"""An arm that stays up, by every order of what its input shows and what keeps it there."""

from edgeguard.rules.arm import Arm, ArmNews, see

Seen = tuple[int, bool | None, bool]


def news(*looks: Seen) -> list[tuple[int, str]]:
    """Looks at (second, up, is kept); what they found."""
    arm, found = Arm(), []
    for at_s, up, kept in looks:
        arm, one = see(arm, up, is_kept=kept, now_ms=at_s * 1000, down_within_ms=120_000)
        if one is not None:
            found.append((at_s, one.value))
    return found


def test_it_is_told_once_and_ends_once() -> None:
    told = news(
        (0, False, False),
        (5, True, True),
        (8, True, False),
        (127, True, False),
        (128, True, False),
        (300, True, False),
        (301, False, False),
    )
    assert told == [(5, "rose"), (128, "stays-up"), (301, "came-down")]


def test_who_drives_through_keeps_it_up_and_time_begins_anew() -> None:
    assert news((0, True, False), (100, True, True), (110, True, False), (229, True, False)) == []
    assert news((0, True, False), (100, True, True), (110, True, False), (230, True, False)) == [(230, ArmNews.STAYS_UP.value)]


def test_what_nobody_knows_is_neither_up_nor_down() -> None:
    told = news(
        (0, True, False),
        (60, None, False),
        (130, None, False),
        (131, True, False),
        (140, None, False),
        (150, True, False),
        (160, False, False),
    )
    assert told == [(131, "stays-up"), (160, "came-down")]


def test_one_that_is_opened_while_it_stays_up_has_not_come_down() -> None:
    told = news(
        (0, True, False), (120, True, False), (130, True, True), (140, True, False), (400, True, False), (401, False, False)
    )
    assert told == [(120, "stays-up"), (401, "came-down")]
