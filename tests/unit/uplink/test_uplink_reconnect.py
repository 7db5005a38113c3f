"""The reconnect machine: back-off, versions, and what a person must do, in virtual seconds."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.point import Labels
from edgeguard.uplink.reconnect import V5, V311, Backoff, Dial, Down, Link, Phase, Up, step
from edgeguard.uplink.trouble import Trouble, TroubleKind, connack_trouble, disconnect_trouble

TIMES = Backoff(min_s=1.0, max_s=60.0, healthy_s=60.0, told_s=86_400.0, guessed_s=3600.0)


def trouble(kind: TroubleKind) -> Trouble:
    return Trouble(kind, kind.name.lower(), Labels("坏", "bad"))


class Machine:
    """Runs the steps and keeps the time."""

    def __init__(self, protocol: str = "auto") -> None:
        self.link = Link.first(protocol)
        self.now_s = 100.0
        self._entropy = random.Random(3)

    def down(self, kind: TroubleKind, after_s: float = 0.0) -> float:
        """Dial, fail (after being up for `after_s` if that is not 0), and say how long to wait."""
        self._do(Dial())
        if after_s:
            self._do(Up())
        self.now_s += after_s
        self._do(Down(trouble(kind)))
        wait_s = self.link.next_dial_s - self.now_s
        self.now_s = self.link.next_dial_s
        return wait_s

    def up(self) -> None:
        self._do(Dial())
        self._do(Up())

    def _do(self, event: Dial | Up | Down) -> None:
        self.link = step(self.link, event, self.now_s, TIMES, self._entropy)


def test_the_wait_doubles_with_jitter_up_to_the_cap() -> None:
    machine = Machine()
    waits = [machine.down(TroubleKind.NETWORK) for _ in range(12)]
    for attempt, wait_s in enumerate(waits):
        longest = min(2.0**attempt, 60.0)
        assert longest / 2 <= wait_s <= longest
    assert len({round(wait_s, 3) for wait_s in waits[7:]}) > 1


def test_a_healthy_session_forgets_failures_and_a_short_one_does_not() -> None:
    machine = Machine()
    for _ in range(6):
        machine.down(TroubleKind.NETWORK)
    assert machine.down(TroubleKind.NETWORK, after_s=30.0) > 20.0
    assert machine.down(TroubleKind.NETWORK, after_s=61.0) <= 1.0


def test_what_a_person_must_change_is_failed_and_dialled_slowly() -> None:
    machine = Machine()
    wait_s = machine.down(TroubleKind.PERSON)
    assert machine.link.phase is Phase.FAILED
    assert 30.0 <= wait_s <= 60.0
    machine.up()
    assert (machine.link.phase.value, machine.link.trouble) == ("online", None)


@pytest.mark.parametrize(
    ("code", "phase"), [(0x86, Phase.FAILED), (0x87, Phase.FAILED), (0x88, Phase.WAITING), (0x97, Phase.WAITING)]
)
def test_refused_connects_by_reason_code(code: int, phase: Phase) -> None:
    link = step(Link.first("5"), Down(connack_trouble(code)), 0.0, TIMES, random.Random(1))
    assert link.phase is phase


def test_two_clients_of_one_name_do_not_fight() -> None:
    link = step(Link.first("5"), Down(disconnect_trouble(0x8E)), 0.0, TIMES, random.Random(1))
    assert link.phase is Phase.FAILED
    assert link.next_dial_s >= 30.0


def test_a_broker_that_says_it_cannot_is_dialled_with_3_1_1_at_once_and_with_5_after_a_day() -> None:
    machine = Machine()
    assert machine.down(TroubleKind.VERSION) == 0.0
    assert machine.link.version == V311
    machine.up()
    assert machine.link.fallen_back
    machine.down(TroubleKind.NETWORK, after_s=3600.0)
    machine.up()
    assert machine.link.version == V311
    machine.down(TroubleKind.NETWORK, after_s=86_400.0)
    machine.up()
    assert machine.link.version == V5


def test_two_hang_ups_are_taken_for_an_old_broker_one_is_not() -> None:
    machine = Machine()
    machine.down(TroubleKind.CLOSED_EARLY)
    machine.down(TroubleKind.NETWORK)
    machine.down(TroubleKind.CLOSED_EARLY)
    assert machine.link.version == V5
    machine.down(TroubleKind.CLOSED_EARLY)
    assert machine.link.version == V311


def test_a_wrong_guess_is_taken_back_by_the_next_failure() -> None:
    machine = Machine()
    machine.down(TroubleKind.CLOSED_EARLY)
    machine.down(TroubleKind.CLOSED_EARLY)
    machine.down(TroubleKind.CLOSED_EARLY)
    assert machine.link.version == V5


def test_a_borne_out_guess_is_kept_for_an_hour() -> None:
    machine = Machine()
    machine.down(TroubleKind.CLOSED_EARLY)
    machine.down(TroubleKind.CLOSED_EARLY)
    machine.down(TroubleKind.NETWORK, after_s=100.0)
    machine.up()
    assert machine.link.version == V311
    machine.down(TroubleKind.NETWORK, after_s=3600.0)
    machine.up()
    assert machine.link.version == V5


@given(
    st.sampled_from(["auto", "5", "3.1.1"]),
    st.lists(st.tuples(st.sampled_from(list(TroubleKind)), st.floats(0.0, 1e5)), max_size=40),
)
def test_it_never_stops_dialling_and_never_spins(protocol: str, events: list[tuple[TroubleKind, float]]) -> None:
    machine = Machine(protocol)
    quick = 0
    for kind, up_s in events:
        wait_s = machine.down(kind, up_s)
        assert 0.0 <= wait_s <= 60.0
        quick = quick + 1 if wait_s < 0.5 else 0
        assert quick <= 1
        assert machine.link.version == (V311 if protocol == "3.1.1" else machine.link.version if protocol == "auto" else V5)
