"""The life of a reaction, step by step: what it does, what it never does."""

from dataclasses import replace

import pytest
from domain_kit import at
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.fate import Fate
from edgeguard.core.ids import AlarmName, BootId, DeviceName, PointName, ReactionName
from edgeguard.core.interlock import PointRef
from edgeguard.core.reaction import Act, Mode, Phase, ReactionSpec, ReactionState, Seen, Step, Until
from edgeguard.core.rule_limits import REACTION_END_TRIES
from edgeguard.rules.reaction import after_write, body_of, hold, orphaned, release, resumed, state_of, step_reaction, stop

SIREN = ReactionSpec(
    ReactionName("siren"),
    AlarmName("sump.sump-high"),
    PointRef(DeviceName("relay"), PointName("relay_1")),
    value=True,
    reset=False,
    mode=Mode.ON,
)
ALARM, QUIET = Seen(standing=True), Seen(standing=False)


class Desk:
    """A reaction with an output that obeys, unless `fates` say otherwise; `acts` is what it has done, `told` what is on record."""

    def __init__(self, spec: ReactionSpec = SIREN, *fates: Fate) -> None:
        self.spec, self.fates = spec, list(fates)
        self.state = ReactionState()
        self.acts: list[Act] = []
        self.told: list[str] = []

    def look(self, second: float, seen: Seen, boot: str = "boot") -> Phase:
        return self.take(step_reaction(self.spec, self.state, seen, at(second, boot)), second, boot)

    def take(self, step: Step, second: float, boot: str = "boot") -> Phase:
        self.state = step.state
        self.told += [told.result for told in step.told]
        if step.act is not None:
            self.acts.append(step.act)
            fate = self.fates.pop(0) if self.fates else Fate.DONE
            self.take(after_write(self.state, step.act, fate, "", at(second, boot)), second, boot)
        return self.state.phase


def test_it_acts_once_and_gives_back() -> None:
    desk = Desk()
    phases = [desk.look(second, ALARM if second < 50 else QUIET) for second in (0, 10, 40, 50, 60)]
    assert phases == [Phase.ON, Phase.ON, Phase.ON, Phase.IDLE, Phase.IDLE]
    assert desk.acts == [Act.WRITE, Act.RESET]
    assert desk.told == ["started", "on", "ending", "ended"]


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.TEST])
def test_off_and_test_write_nothing(mode: Mode) -> None:
    desk = Desk(replace(SIREN, mode=mode))
    for second in range(0, 100, 10):
        desk.look(second, ALARM)
    desk.look(100, QUIET)
    desk.look(110, ALARM)
    assert desk.acts == []
    assert desk.told == ([] if mode is Mode.OFF else ["test", "test"])


def test_an_output_that_shows_the_value_already_is_left_alone() -> None:
    desk = Desk()
    assert desk.look(0, Seen(standing=True, shows=True)) is Phase.SPENT
    desk.look(10, QUIET)
    assert desk.acts == []


def test_minimum_times_and_rate() -> None:
    desk = Desk(replace(SIREN, min_on_ms=30_000, min_off_ms=60_000, per_hour=2))
    desk.look(0, ALARM)
    assert desk.look(10, QUIET) is Phase.ON
    assert desk.look(31, QUIET) is Phase.IDLE
    desk.look(32, QUIET)
    assert desk.look(40, ALARM) is Phase.IDLE
    assert "minimum pause" in desk.state.why
    assert desk.look(92, ALARM) is Phase.ON
    desk.look(130, QUIET)
    desk.look(131, QUIET)
    assert desk.look(300, ALARM) is Phase.IDLE
    assert "too often" in desk.state.why
    assert desk.look(3601, ALARM) is Phase.ON
    assert desk.told.count("waiting") == 2


def test_a_machine_that_wakes_up_without_a_clock_keeps_no_pause_for_ever() -> None:
    desk = Desk(replace(SIREN, min_off_ms=60_000))
    desk.look(0, ALARM)
    desk.look(10, QUIET)
    kept = state_of(body_of(desk.state))

    def woken(second: float) -> Stamp:
        return Stamp(round(second * 1000), round(second * 1000), BootId("woken"), synced=False)

    state = resumed(kept, woken(5))
    for second in range(6, 80):
        step = step_reaction(desk.spec, state, ALARM if second > 8 else QUIET, woken(second))
        state = after_write(step.state, step.act, Fate.DONE, "", woken(second)).state if step.act else step.state
    assert state.phase is Phase.ON


def test_an_interlock_that_does_not_hold_is_waited_for_and_told_once() -> None:
    desk = Desk()
    for second in range(5):
        desk.look(second, replace(ALARM, unmet="pump-1.running is false"))
    assert (desk.acts, desk.told) == ([], ["waiting"])
    assert desk.look(6, ALARM) is Phase.ON


def test_acknowledging_ends_a_siren_until_the_next_alarm() -> None:
    desk = Desk(replace(SIREN, until=Until.ACKED))
    desk.look(0, ALARM)
    desk.look(10, replace(ALARM, acked=True))
    assert desk.look(20, replace(ALARM, acked=True)) is Phase.SPENT
    desk.look(30, QUIET)
    assert desk.look(40, ALARM) is Phase.ON
    assert desk.acts == [Act.WRITE, Act.RESET, Act.WRITE]


def test_the_longest_time() -> None:
    desk = Desk(replace(SIREN, longest_ms=60_000))
    assert [desk.look(second, ALARM) for second in (0, 59, 60, 90)] == [Phase.ON, Phase.ON, Phase.SPENT, Phase.SPENT]


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.STARTING, Phase.ON, Phase.ENDING])
def test_a_persons_hand_wins_in_every_phase(phase: Phase) -> None:
    desk = Desk(SIREN, *((Fate.NOT_SENT,) if phase is Phase.STARTING else (Fate.DONE, Fate.NOT_SENT)))
    if phase is not Phase.IDLE:
        desk.look(0, ALARM)
    if phase is Phase.ENDING:
        desk.look(10, QUIET)
    assert desk.state.phase is phase
    before = len(desk.acts)
    seen = replace(QUIET if phase is Phase.ENDING else ALARM, hand="liwei")
    assert desk.look(20, seen) is Phase.YIELDED
    for second in range(30, 600, 30):
        desk.look(second, ALARM)
    desk.look(600, QUIET)
    assert len(desk.acts) == before, "neither written again nor switched back"


def test_an_output_that_another_hand_has_switched_is_left_to_it() -> None:
    desk = Desk()
    desk.look(0, ALARM)
    assert desk.look(30, replace(ALARM, shows=True)) is Phase.ON
    assert desk.look(60, replace(ALARM, shows=False)) is Phase.YIELDED
    assert desk.acts == [Act.WRITE]


@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.NOT_SENT, Fate.LOST, Fate.UNVERIFIED])
def test_what_goes_wrong_is_tried_again_a_few_times(fate: Fate) -> None:
    desk = Desk(SIREN, *[fate] * 10)
    for second in range(0, 1200, 5):
        desk.look(second, replace(ALARM, shows=None))
    assert desk.state.phase is Phase.FAILED
    assert len(desk.acts) == 1 + SIREN.retries
    assert desk.told[-1] == "gave-up"
    desk.fates.clear()
    desk.look(1300, QUIET)
    resets = desk.acts.count(Act.RESET)
    assert resets == (1 if fate.acted else 0), "only what may have been switched is switched back"


def test_a_lost_write_that_arrived_is_no_second_one() -> None:
    desk = Desk(SIREN, Fate.LOST)
    desk.look(0, ALARM)
    assert desk.look(30, replace(ALARM, shows=True)) is Phase.ON
    assert desk.acts == [Act.WRITE]


def test_a_siren_that_cannot_be_ended_is_tried_for_ever_and_told_once() -> None:
    desk = Desk(SIREN, Fate.DONE, *[Fate.NOT_SENT] * 1000)
    desk.look(0, ALARM)
    for second in range(10, 100_000, 20):
        desk.look(second, QUIET)
    assert desk.state.phase is Phase.ENDING
    assert desk.told.count("cannot-be-ended") == 1
    assert desk.told.count("not-ended") == REACTION_END_TRIES
    late = len(desk.acts)
    for second in range(100_000, 103_600, 20):
        desk.look(second, QUIET)
    assert len(desk.acts) - late <= 13, "at most every five minutes"
    assert desk.look(104_000, replace(QUIET, shows=False)) is Phase.IDLE


def test_one_that_cannot_be_ended_is_told_within_two_minutes_and_again_after_a_restart() -> None:
    desk = Desk(SIREN, Fate.DONE, *[Fate.REFUSED] * 1000)
    desk.look(0, ALARM)
    for second in range(10, 130):
        desk.look(second, QUIET)
    assert desk.told.count("cannot-be-ended") == 1
    desk.state = resumed(state_of(body_of(desk.state)), at(0, "second"))
    for second in range(130):
        desk.look(second, QUIET, "second")
    assert desk.told.count("cannot-be-ended") == 2
    before = len(desk.acts)
    desk.take(stop(desk.state, at(130, "second")), 130, "second")
    assert len(desk.acts) == before + 1, "a person who asks for its end is not told to wait"


def test_an_alarm_that_comes_again_while_the_output_is_switched_back_begins_anew() -> None:
    desk = Desk(SIREN, Fate.DONE, Fate.LOST, Fate.DONE)
    desk.look(0, ALARM)
    assert desk.look(10, QUIET) is Phase.ENDING
    for second in range(11, 20):
        desk.look(second, ALARM)
    assert desk.state.phase is Phase.ON
    assert desk.acts == [Act.WRITE, Act.RESET, Act.RESET, Act.WRITE]
    # one that a person has silenced stays silent, however late its end came
    desk = Desk(replace(SIREN, until=Until.ACKED), Fate.DONE, Fate.LOST, Fate.DONE)
    desk.look(0, ALARM)
    for second in range(10, 40):
        desk.look(second, replace(ALARM, acked=True))
    assert desk.state.phase is Phase.SPENT


@pytest.mark.parametrize("how", ["longest", "acked", "off", "stop", "hand"])
def test_an_output_that_may_be_on_is_not_left_so_when_the_start_has_failed(how: str) -> None:
    desk = Desk(replace(SIREN, until=Until.ACKED, longest_ms=600_000), *[Fate.UNVERIFIED] * 4)
    for second in range(0, 300, 5):
        desk.look(second, ALARM)
    assert desk.state.phase is Phase.FAILED
    if how == "off":
        desk.spec = replace(desk.spec, mode=Mode.OFF)
    if how == "stop":
        desk.take(stop(desk.state, at(300)), 300)
    seen = {"acked": replace(ALARM, acked=True), "hand": replace(ALARM, hand="liwei")}.get(how, ALARM)
    for second in range(301, 700, 5):
        desk.look(second, seen)
    assert desk.acts.count(Act.RESET) == (0 if how == "hand" else 1)
    assert desk.state.phase is (Phase.YIELDED if how == "hand" else Phase.SPENT)


def test_hold_release_and_stop() -> None:
    desk = Desk()
    desk.look(0, ALARM)
    desk.take(hold(desk.state, "liwei", at(1)), 1)
    for second in range(2, 50):
        desk.look(second, QUIET if second % 2 else ALARM)
    assert desk.acts == [Act.WRITE]
    assert state_of(body_of(desk.state)).held_by == "liwei"
    desk.take(release(desk.state), 60)
    assert desk.look(61, ALARM) is Phase.YIELDED
    desk.look(62, QUIET)
    desk.look(63, ALARM)
    desk.take(stop(desk.state, at(70)), 70)
    assert desk.look(80, ALARM) is Phase.SPENT
    assert desk.acts == [Act.WRITE, Act.WRITE, Act.RESET]


def test_one_that_is_taken_out_of_the_configuration_gives_back() -> None:
    desk = Desk()
    desk.look(0, ALARM)
    kept = state_of(body_of(desk.state))
    step = orphaned(kept, at(10, "another"))
    assert step.act is Act.RESET
    assert step.state.owes is not None
    assert step.state.owes.target == SIREN.target


def test_a_switched_off_one_gives_back() -> None:
    desk = Desk()
    desk.look(0, ALARM)
    desk.spec = replace(SIREN, mode=Mode.OFF)
    desk.look(10, ALARM)
    assert desk.acts == [Act.WRITE, Act.RESET]


@given(st.lists(st.tuples(st.sampled_from(["alarm", "quiet", "acked", "kill", "lose", "refuse"]), st.integers(1, 90)), max_size=25))
def test_whatever_happens_it_neither_repeats_nor_forgets(course: list[tuple[str, int]]) -> None:
    """An output in memory; kills at any moment, also between the write and its record."""
    state, second, boot, output, seen_s = ReactionState(), 0.0, 0, False, -100.0
    for what, seconds in [*course, ("quiet", 90), ("quiet", 400), ("quiet", 400)]:
        second += seconds
        standing = what in ("alarm", "acked", "kill", "lose")
        shows = output if second - seen_s > 5 else None
        step = step_reaction(SIREN, state, Seen(standing, what == "acked", shows), at(second, f"b{boot}"))
        kept, state = step.state, step.state
        if step.act is not None:
            wanted = step.act is Act.WRITE
            assert output is not wanted or shows is None, "what the output shows is not written again"
            fate = {"lose": Fate.LOST, "refuse": Fate.REFUSED}.get(what, Fate.DONE)
            output = wanted if fate is not Fate.REFUSED else output
            seen_s = second
            state = after_write(state, step.act, fate, "", at(second, f"b{boot}")).state
        if what == "kill":
            boot += 1
            state = resumed(state_of(body_of(kept)), at(second, f"b{boot}"))
    for _ in range(3):
        second += 400
        step = step_reaction(SIREN, state, Seen(standing=False, shows=output), at(second, f"b{boot}"))
        state = step.state
        if step.act is not None:
            output = step.act is Act.WRITE
            state = after_write(state, step.act, Fate.DONE, "", at(second, f"b{boot}")).state
    assert output is False, "no siren is forgotten"
    assert state.phase in (Phase.IDLE, Phase.SPENT)
