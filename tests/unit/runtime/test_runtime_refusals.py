"""Who asks for what he may not is told at once, then as a number; no flood of it becomes a flood of events."""

import dataclasses

import pytest

from edgeguard.core.afar_limits import REFUSALS_KINDS, REFUSALS_TOLD_MS
from edgeguard.core.health import Health
from edgeguard.runtime.refusals import Refusals
from edgeguard.testing.clock import FakeClock


@dataclasses.dataclass
class Desk:
    clock: FakeClock
    told: list[Health]
    refusals: Refusals

    def said(self) -> list[tuple[str, str, str]]:
        return [(one.source, one.text.en, one.detail) for one in self.told]


@pytest.fixture
def desk() -> Desk:
    clock, told = FakeClock(), list[Health]()
    return Desk(clock, told, Refusals(clock, told.append))


def test_the_first_is_told_at_once_and_the_rest_as_a_number(desk: Desk) -> None:
    for _ in range(500):
        desk.refusals.peer("guest", "write")
        desk.refusals.look()
    first = ("control", "user guest asked for what is not allowed to them", "1 x, last: write")
    assert desk.said() == [first]

    desk.clock.advance(REFUSALS_TOLD_MS / 1000)
    desk.refusals.look()
    assert desk.said() == [first, (*first[:2], "499 x, last: write")]
    assert [(one.code, one.ok) for one in desk.told] == [("refused", False)] * 2


def test_what_has_been_quiet_is_news_again(desk: Desk) -> None:
    desk.refusals.command("repeated", "barrier")
    for _ in range(2):
        desk.clock.advance(REFUSALS_TOLD_MS / 1000)
        desk.refusals.look()
    assert len(desk.told) == 1
    desk.refusals.command("repeated", "barrier")
    assert desk.said() == [("commands", "a command was refused: repeated", "1 x, last: barrier")] * 2


@pytest.mark.parametrize("code", ["busy", "clock-unsynced", "not-recorded"])
def test_our_own_trouble_is_nobodys_attempt(desk: Desk, code: str) -> None:
    desk.refusals.command(code, "write")
    assert desk.told == []


def test_a_thousand_users_are_so_many_kinds_and_no_more(desk: Desk) -> None:
    for number in range(1000):
        desk.refusals.peer(f"user-{number}", "x" * 1000)
    assert len(desk.told) == REFUSALS_KINDS + 1
    assert desk.told[-1].text.en.startswith("user ... asked")
    assert all(len(one.detail) < 80 for one in desk.told)
    desk.clock.advance(REFUSALS_TOLD_MS / 1000)
    desk.refusals.look()
    assert desk.told[-1].detail.startswith(f"{1000 - REFUSALS_KINDS - 1} x")
