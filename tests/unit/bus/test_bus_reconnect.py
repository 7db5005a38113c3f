"""When a connection is tried again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from edgeguard.bus.reconnect import Reconnect
from edgeguard.bus.stats import LinkState
from edgeguard.core.limits import BUS_RECONNECT_MAX_S, BUS_RECONNECT_MIN_S


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def fail(reconnect: Reconnect) -> float:
    reconnect.attempt()
    return reconnect.ended(proved=False)


def test_pauses_double_from_the_least_to_the_most() -> None:
    reconnect = Reconnect(NoJitter())
    pauses = [fail(reconnect) for _ in range(10)]
    assert pauses[:4] == [BUS_RECONNECT_MIN_S * 2**i for i in range(4)]
    assert pauses[-1] == BUS_RECONNECT_MAX_S


def test_a_connection_that_answered_is_retried_soon() -> None:
    reconnect = Reconnect(NoJitter())
    for _ in range(10):
        fail(reconnect)
    reconnect.attempt()
    reconnect.opened()
    assert reconnect.ended(proved=True) == BUS_RECONNECT_MIN_S


def test_an_endpoint_that_accepts_and_hangs_up_is_not_hammered() -> None:
    reconnect = Reconnect(NoJitter())
    pauses = []
    for _ in range(5):
        reconnect.attempt()
        reconnect.opened()
        pauses.append(reconnect.ended(proved=False))
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]
    assert reconnect.openings == 5


def test_states() -> None:
    reconnect = Reconnect(NoJitter())
    seen = [reconnect.state]
    for step in (reconnect.attempt, reconnect.opened, lambda: reconnect.ended(proved=True), reconnect.stopped):
        step()
        seen.append(reconnect.state)
    assert seen == [LinkState.STOPPED, LinkState.CONNECTING, LinkState.CONNECTED, LinkState.WAITING, LinkState.STOPPED]


@given(st.integers(), st.lists(st.booleans(), max_size=60))
def test_every_pause_is_within_the_bounds(seed: int, proofs: list[bool]) -> None:
    reconnect = Reconnect(random.Random(seed))
    for proved in proofs:
        reconnect.attempt()
        assert BUS_RECONNECT_MIN_S / 2 <= reconnect.ended(proved) <= BUS_RECONNECT_MAX_S
