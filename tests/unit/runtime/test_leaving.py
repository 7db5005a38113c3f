"""A process that cannot end in order ends as it is."""

import subprocess
import sys
import threading

import pytest

from edgeguard.core.limits import LEAVE_AFTER_S, STOP_WITHIN_S
from edgeguard.runtime.leaving import Leaving

HELD = """
import threading
from edgeguard.runtime.leaving import Leaving
threading.Thread(target=threading.Event().wait).start()
Leaving(0.2).begin()
"""


def test_what_takes_too_long_is_left_once() -> None:
    left = threading.Semaphore(0)
    leaving = Leaving(0.01, left.release)
    leaving.begin()
    leaving.begin()
    assert left.acquire(timeout=10)
    assert not left.acquire(timeout=0.1)


@pytest.mark.slow
def test_a_thread_that_never_ends_does_not_hold_the_process() -> None:
    """As a database's does on a disk that hangs, when everything else has ended in order."""
    assert subprocess.run([sys.executable, "-c", HELD], capture_output=True, timeout=60, check=False).returncode == 1


def test_there_is_time_for_a_stop_in_order() -> None:
    assert STOP_WITHIN_S < LEAVE_AFTER_S
