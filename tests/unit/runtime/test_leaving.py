"""A process that cannot end in order ends as it is."""

import threading

from edgeguard.core.limits import LEAVE_AFTER_S, STOP_WITHIN_S
from edgeguard.runtime.leaving import Leaving


def test_what_takes_too_long_is_left() -> None:
    left = threading.Event()
    leaving = Leaving(0.01, left.set)
    leaving.begin()
    leaving.begin()
    assert left.wait(10)


def test_what_has_ended_in_order_is_not_left() -> None:
    left: list[bool] = []
    leaving = Leaving(0.05, lambda: left.append(True))
    leaving.ended()
    leaving.begin()
    leaving.ended()
    waiting = threading.Event()
    threading.Timer(0.2, waiting.set).start()
    assert waiting.wait(10)
    assert not left


def test_there_is_time_for_a_stop_in_order() -> None:
    assert STOP_WITHIN_S < LEAVE_AFTER_S
