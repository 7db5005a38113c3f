"""A loop that cannot be believed."""

from collections.abc import Sequence

from edgeguard.rules.loop import Loop, LoopNews, not_passed, see

SECOND = 1000


def shown(busy: Sequence[bool | None], step_ms: int, loop: Loop | None = None, from_ms: int = 0) -> tuple[Loop, list[LoopNews]]:
    loop = loop or Loop()
    told: list[LoopNews] = []
    for n, one in enumerate(busy):
        loop, news = see(loop, one, from_ms + n * step_ms)
        told += news
    return loop, told


def test_twenty_four_in_a_minute_are_traffic_and_one_more_is_none() -> None:
    minute = [False, True] * 24
    assert shown(minute, SECOND)[1] == []
    assert shown([*minute, False, True], SECOND)[1] == [LoopNews.FLAPS]


def test_it_is_steady_after_a_minute_with_little_traffic() -> None:
    loop, _ = shown([False, True] * 60, 500)
    assert loop.flaps
    still, told = shown([False] * 40, SECOND, loop, 60 * SECOND)
    assert (still.flaps, told) == (True, [])
    assert shown([False] * 20, SECOND, still, 100 * SECOND)[1] == [LoopNews.STEADY]


def test_what_was_unknown_between_is_no_coming() -> None:
    assert shown([None, True] * 60, 500)[1] == []


def test_one_who_comes_makes_up_for_those_who_were_missed() -> None:
    loop, _ = see(Loop(), False, 0)
    told: list[LoopNews] = []
    for who in "ab":
        loop, news = not_passed(loop, who)
        told += news
    loop, news = see(loop, True, 0)
    assert (told, news, loop.missed) == ([], (), 0)
    loop, _ = see(loop, False, SECOND)
    for who in "bcde":
        loop, news = not_passed(loop, who)
        told += news
    assert told == [LoopNews.SILENT]
    assert see(loop, True, 2 * SECOND)[1] == (LoopNews.HEARD,)


def test_one_who_dawdles_and_a_loop_that_nobody_knows_say_nothing() -> None:
    loop, _ = see(Loop(), False, 0)
    for _ in range(5):
        loop, news = not_passed(loop, "a")
        assert news == ()
    unknown, _ = see(Loop(), None, 0)
    for who in "abcd":
        unknown, news = not_passed(unknown, who)
        assert news == ()
