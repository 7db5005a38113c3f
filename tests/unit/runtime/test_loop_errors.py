"""What asyncio can only complain about is told in our log, and not again and again."""

import asyncio
import errno

from structlog.testing import capture_logs

from edgeguard.core.limits import LOOP_ERROR_KINDS, LOOP_ERROR_QUIET_S
from edgeguard.runtime.loop_errors import LoopErrors
from edgeguard.testing.clock import FakeClock, run_virtual


def test_a_kind_is_told_once_a_minute_with_how_often_it_came() -> None:
    async def main() -> None:
        loop, errors = asyncio.get_running_loop(), LoopErrors()
        starved = {"message": "socket.accept() out of system resource", "exception": OSError(errno.EMFILE, "Too many open files")}
        for _ in range(7500):
            errors(loop, starved)
        errors(loop, {"message": "Task exception was never retrieved", "exception": ValueError("a bug")})
        await asyncio.sleep(LOOP_ERROR_QUIET_S + 1)
        errors(loop, starved)

    with capture_logs() as lines:
        run_virtual(main(), FakeClock())
    assert [(line["event"], line["repeats"]) for line in lines] == [
        ("control.not-accepting", 0),
        ("loop.error", 0),
        ("control.not-accepting", 7499),
    ]
    assert isinstance(lines[1]["exc_info"], ValueError)


def test_there_is_a_bound_on_kinds() -> None:
    async def main() -> None:
        errors = LoopErrors()
        for number in range(LOOP_ERROR_KINDS * 3):
            errors(asyncio.get_running_loop(), {"message": f"kind {number}"})
        assert len(errors._told_s) <= LOOP_ERROR_KINDS

    with capture_logs():
        run_virtual(main(), FakeClock())
