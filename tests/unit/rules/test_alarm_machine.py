"""The life of alarms against a simple model, and what must never be lost whatever withholds them."""

import math
from dataclasses import replace

from alarm_kit import step_alarm
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.alarm import (
    WITHHELD,
    Alarm,
    AlarmRule,
    AlarmState,
    AlarmTraits,
    Condition,
    Escalation,
    Hold,
    HoldKind,
    Severity,
)
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, BootId, DeviceName
from edgeguard.core.point import Labels
from edgeguard.rules.alarms import (
    acknowledge,
    change_of,
    due_ms,
    held,
    present,
    released,
    step_life,
    step_time,
)


def at(ms: int, boot: str = "b") -> Stamp:
    return Stamp(1_790_000_000_000 + ms, ms, BootId(boot), synced=True)


PLAIN_RULE = AlarmRule(
    AlarmName("pump-1.hot"), DeviceName("pump-1"), Condition.HIGH, Severity.MINOR, Labels("热", "hot"), limit=10.0
)
LATCHING = replace(PLAIN_RULE, traits=AlarmTraits(latching=True))
ESCALATING = replace(PLAIN_RULE, traits=AlarmTraits(escalation=Escalation(60_000, Severity.CRITICAL)))

ACTIONS = st.lists(
    st.sampled_from(["true", "false", "bad", "ack", "shelve", "unshelve", "out", "in", "explain", "free"]), max_size=40
)


class Model:
    """What an alarm without delays must be, in four truths."""

    def __init__(self) -> None:
        self.stands = self.seen = self.over = self.shelved = self.out = self.explained = False

    def state(self) -> str:
        if self.out:
            return "out-of-service"
        if self.shelved:
            return "shelved"
        if self.stands:
            return "suppressed" if self.explained else ("acked" if self.seen else "active")
        return "returned" if self.over else "normal"

    def do(self, action: str) -> None:
        before = self.state()
        withheld = before in ("out-of-service", "shelved", "suppressed")
        match action:
            case "true" if not self.stands:
                self.stands, self.seen, self.over = True, False, False
            case "false" if self.stands:
                self.over = not self.seen and not withheld
                self.stands = self.seen = False
            case "ack" if before == "active":
                self.seen = True
            case "ack" if before == "returned":
                self.over = False
            case "shelve" | "unshelve":
                self.shelved = action == "shelve"
            case "out" | "in":
                self.out = action == "out"
            case "explain" | "free":
                self.explained = action == "explain"


@given(ACTIONS)
def test_an_alarm_is_what_a_simple_model_says(actions: list[str]) -> None:
    model, alarm, explained = Model(), Alarm(), False
    told = AlarmState.NORMAL
    for number, action in enumerate(actions):
        now = at(number)
        before = alarm
        match action:
            case "true" | "false" | "bad":
                alarm = step_life(PLAIN_RULE, alarm, {"true": True, "false": False}.get(action), 11.0, now)
            case "ack":
                alarm, _ = acknowledge(PLAIN_RULE, alarm, now)
            case "shelve" | "out":
                kind = HoldKind.SHELVED if action == "shelve" else HoldKind.OUT_OF_SERVICE
                alarm = held(alarm, Hold(kind, now, "li", "why", None))
            case "unshelve" | "in":
                alarm = released(alarm, HoldKind.SHELVED if action == "unshelve" else HoldKind.OUT_OF_SERVICE)
            case _:
                explained = action == "explain"
        alarm = present(PLAIN_RULE, before, alarm, explained, now)
        if change_of(PLAIN_RULE, before, alarm, now) is not None:
            told = alarm.told
        model.do(action)
        assert alarm.state.value == model.state()
        assert told is alarm.told
        assert (alarm.beneath is not None) is (alarm.state in WITHHELD)


@given(ACTIONS)
def test_a_standing_alarm_is_never_lost(actions: list[str]) -> None:
    """Whatever was done: with nothing withholding it, what holds is active or acknowledged, and people were told so."""
    alarm = Alarm()
    for number, action in enumerate(actions):
        now, before = at(number), alarm
        alarm = step_life(PLAIN_RULE, alarm, {"true": True, "false": False}.get(action), 11.0, now)
        if action in ("shelve", "out"):
            alarm = held(alarm, Hold(HoldKind.SHELVED if action == "shelve" else HoldKind.FLOOD, now, "li", "why"))
        alarm = present(PLAIN_RULE, before, alarm, action == "explain", now)
    last = [action for action in actions if action in ("true", "false")]
    free = present(PLAIN_RULE, alarm, replace(alarm, holds=()), False, at(99))
    assert (free.told in (AlarmState.ACTIVE, AlarmState.ACKED)) is (last[-1:] == ["true"])


def test_a_latched_alarm_stays_until_somebody_acknowledges_it_after_its_cause_has_gone() -> None:
    alarm, _ = step_alarm(LATCHING, Alarm(), True, 11.0, at(0))
    alarm, change = step_alarm(LATCHING, alarm, False, 9.0, at(1))
    assert change is not None
    assert (alarm.state, alarm.gone, alarm.standing) == (AlarmState.ACTIVE, True, False)
    done, _ = acknowledge(LATCHING, alarm, at(2))
    assert done.state is AlarmState.NORMAL
    again, change = step_alarm(LATCHING, alarm, True, 12.0, at(2))
    assert (again.state, again.gone, change is not None) == (AlarmState.ACTIVE, False, True)


def test_a_latched_alarm_that_was_acknowledged_wants_a_second_word() -> None:
    alarm, _ = step_alarm(LATCHING, Alarm(), True, 11.0, at(0))
    alarm, _ = acknowledge(LATCHING, alarm, at(1))
    alarm, _ = step_alarm(LATCHING, alarm, False, 9.0, at(2))
    assert (alarm.state, alarm.gone) == (AlarmState.ACKED, True)
    assert acknowledge(LATCHING, alarm, at(3))[0].state is AlarmState.NORMAL


def test_what_nobody_acknowledges_escalates_once_and_is_told_anew() -> None:
    alarm, _ = step_alarm(ESCALATING, Alarm(), True, 11.0, at(0))
    assert step_time(ESCALATING, alarm, at(59_999)) is alarm
    worse = step_time(ESCALATING, alarm, at(60_000))
    change = change_of(ESCALATING, alarm, worse, at(60_000))
    assert change is not None
    assert (change.state, change.severity) == (AlarmState.ACTIVE, Severity.CRITICAL)
    assert step_time(ESCALATING, worse, at(600_000)) is worse
    seen, _ = acknowledge(ESCALATING, alarm, at(1))
    assert step_time(ESCALATING, seen, at(600_000)) is seen
    assert due_ms(ESCALATING, alarm, at(7)) == at(60_000).boot_ms
    assert due_ms(ESCALATING, worse, at(7)) == math.inf
    shelved = held(worse, Hold(HoldKind.SHELVED, at(10), "li", "paint", 500))
    assert due_ms(ESCALATING, shelved, at(100)) == at(510).boot_ms


def test_escalation_and_shelving_go_by_the_wall_clock_over_a_boot() -> None:
    alarm, _ = step_alarm(ESCALATING, Alarm(), True, 11.0, at(1_000_000))
    later = Stamp(at(1_000_000).wall_ms + 60_000, 5, BootId("other"), synced=True)
    assert step_time(ESCALATING, alarm, later).escalated
    hold = Hold(HoldKind.SHELVED, at(1_000_000), "li", "why", 120_000)
    assert not hold.is_over(later)
    assert hold.is_over(replace(later, wall_ms=later.wall_ms + 60_000))


def test_shelving_ends_by_itself_and_what_holds_comes_up() -> None:
    hold = Hold(HoldKind.SHELVED, at(0), "li", "painting", 5000)
    alarm = present(PLAIN_RULE, Alarm(), held(Alarm(), hold), False, at(0))
    raised, told = step_alarm(PLAIN_RULE, alarm, True, 11.0, at(1))
    assert told is None
    assert step_time(PLAIN_RULE, raised, at(4999)) is raised
    freed = step_time(PLAIN_RULE, raised, at(5000))
    shown = present(PLAIN_RULE, raised, freed, False, at(5000))
    change = change_of(PLAIN_RULE, raised, shown, at(5000))
    assert change is not None
    assert change.state is AlarmState.ACTIVE
