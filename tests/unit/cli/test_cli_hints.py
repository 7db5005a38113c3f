"""`hints` and `service` as a technician types them."""

import json
from collections.abc import Iterator

import pytest
from cli_kit import Desk, desk
from rich.cells import cell_len

from edgeguard.cli.hints import spark
from edgeguard.testing.handlers import FakeBuilding


@pytest.fixture
def building() -> FakeBuilding:
    return FakeBuilding()


@pytest.fixture
def here(building: FakeBuilding) -> Iterator[Desk]:
    with desk(building) as made:
        yield made


def test_a_hint_says_what_was_seen_how_sure_it_is_and_what_to_check(here: Desk) -> None:
    printed = here.type("hints", lang="en", width=100)

    assert "lift-1.door-close-time  confidence 99 %" in printed.out
    assert "from 2.90 s to 3.42 s" in printed.out
    assert "→ Check sill and rollers" in printed.out
    assert "▁" in printed.out
    assert printed.code == 1


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [80, 160])
def test_no_line_is_wider_than_the_terminal(here: Desk, lang: str, width: int) -> None:
    printed = here.type("hints", "--all", lang=lang, width=width)

    assert max(cell_len(line.rstrip()) for line in printed.out.splitlines()) <= width


def test_hints_speak_chinese(here: Desk) -> None:
    printed = here.type("hints", "lift-1", lang="zh")

    assert "关门时间自 2026-10-30" in printed.out
    assert "可信度" in printed.out
    assert printed.code == 0


def test_everything_that_is_watched_is_a_table_that_marks_our_own_defaults(here: Desk) -> None:
    printed = here.type("hints", "--all", lang="en", width=160)

    assert "start-current" in printed.out
    assert "learning" in printed.out
    assert "8000 h*" in printed.out
    assert "* our own default" in printed.out


def test_without_hints_that_is_said(here: Desk, building: FakeBuilding) -> None:
    building.hints.hints = []
    printed = here.type("hints", lang="en")

    assert (printed.code, printed.out.strip()) == (0, "no maintenance hints")


def test_hints_for_programs(here: Desk) -> None:
    printed = here.type("hints", "lift-1", "--json")
    (hint,) = json.loads(printed.out)["hints"]

    assert (hint["id"], hint["limit_date"], hint["evidence"]["limit"]) == ("lift-1.door-close-time", "2026-12-14", 4.06)


def test_a_service_asks_first_and_never_where_nobody_is(here: Desk, building: FakeBuilding) -> None:
    refused = here.type("service", "pump-1", "--done", "greased", lang="en")
    done = here.type("service", "pump-1", "--done", "greased", "--about", "wear-run-hours", "--yes", lang="en")

    assert refused.code == 2
    assert done.code == 0
    assert "hints withdrawn: pump-1.wear-run-hours" in done.out
    assert building.hints.serviced == [("pump-1", "greased", ("wear-run-hours",))]


def test_a_service_of_what_is_not_watched_is_an_error(here: Desk) -> None:
    assert here.type("service", "meter-main", "--done", "x", "--yes").code == 2


def test_a_hint_is_put_aside(here: Desk, building: FakeBuilding) -> None:
    printed = here.type("hints", "--snooze", "lift-1.door-close-time", "--days", "21", lang="en")

    assert "put aside until 2026-12-07" in printed.out
    assert building.hints.snoozed == [("lift-1.door-close-time", 21)]


def test_a_picture_of_days_has_a_dot_where_one_lacks() -> None:
    assert spark((1.0, None, 2.0, 1.5)) == "▁·█▅"
    assert spark((3.0, 3.0)) == "▁▁"
    assert spark(()) == ""
