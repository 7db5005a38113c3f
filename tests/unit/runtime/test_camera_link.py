"""The life of a camera's process, with tiny processes in its place."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from edgeguard.control.camera_views import BeatView
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.errors import EdgeguardError, Permanent, Retryable
from edgeguard.core.ids import CameraName
from edgeguard.core.point import Labels
from edgeguard.runtime import camera_link
from edgeguard.runtime.camera_link import CameraLink

pytestmark = pytest.mark.slow

SPEC = CameraSpec(CameraName("facade"), "rtsp://10.0.0.9/1", Task.FALLING, Labels("", ""))


def link(program: str, spec: CameraSpec = SPEC, silent_s: float = 40.0, start_s: float = 40.0) -> CameraLink:
    return CameraLink(spec, (sys.executable, "-c", program), b"", silent_s, start_s)


def end_of(made: CameraLink) -> EdgeguardError:
    with pytest.raises(EdgeguardError) as error:
        asyncio.run(made.run())
    return error.value


def test_how_a_process_ended_is_told_in_words(capfd: pytest.CaptureFixture[str]) -> None:
    crashed = end_of(link("import os, signal; os.kill(os.getpid(), signal.SIGABRT)"))
    assert (type(crashed), str(crashed)) == (Retryable, "its process was ended by SIGABRT")
    starved = end_of(link("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert str(starved) == "its process was ended by SIGKILL, as the kernel does when memory is short"
    wrong = end_of(link("import sys; print('one', file=sys.stderr); sys.exit('the model is not ours')"))
    assert str(wrong) == "its process ended with code 1: the model is not ours"
    parked = end_of(link("import sys; print('no such camera', file=sys.stderr); sys.exit(2)"))
    assert (type(parked), str(parked)) == (Permanent, "no such camera")
    assert "one\nthe model is not ours\n" in capfd.readouterr().err


def test_what_a_stream_makes_its_process_say_commands_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    end_of(link(r"import sys; sys.stderr.buffer.write(b'title \x1b]0;owned\x07\xff \xe7\x94\xb5\n'); sys.exit(1)"))
    assert "title \\x1b]0;owned\\x07\\xff 电\n" in capfd.readouterr().err


def test_a_program_that_is_not_there() -> None:
    error = end_of(CameraLink(SPEC, ("/nowhere/python",)))
    assert (type(error), str(error)) == (Retryable, "its process cannot be started: No such file or directory")


def test_where_memory_is_short_the_kernel_ends_it_before_the_daemon() -> None:
    """However the daemon stands on the kernel's scale; the service puts it below zero."""
    own = int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))
    told = end_of(link("import sys, time; time.sleep(0.3); sys.exit('at ' + open('/proc/self/oom_score_adj').read().strip())"))
    assert str(told) == f"its process ended with code 1: at {min(1000, own + 500)}"


def test_a_process_that_never_shows_life_is_ended_even_if_it_will_not_hear() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    stopped = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"

    async def all_at_once() -> list[BaseException | None]:
        return await asyncio.gather(*(one.run() for one in made), return_exceptions=True)

    made = [link(program, start_s=1.0) for program in (deaf, stopped)]
    for one, error in zip(made, asyncio.run(all_at_once()), strict=True):
        assert isinstance(error, Retryable)
        assert "showed no sign of life" in str(error)
        assert one.pid == 0


def test_a_process_that_was_stopped_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGSTOP: it hears no SIGTERM either."""
    monkeypatch.setattr(camera_link, "CAMERA_TERM_S", 0.2)

    async def story() -> tuple[int, str]:
        made = link("import time; time.sleep(600)", silent_s=1.5)
        running = asyncio.create_task(made.run())
        while not made.pid:
            await asyncio.sleep(0.01)
        pid = made.pid
        made.hear(BeatView(0.0, 1, 0, 0, 1, 0, 0.0, 0, 0, "", 0, 0.0))
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Retryable) as error:
            await running
        return pid, str(error.value)

    pid, words = asyncio.run(story())
    assert words.startswith("its process showed no sign of life for ")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_a_process_whose_main_loop_stands_still_is_ended() -> None:
    async def story() -> str:
        made = link("import time; time.sleep(600)", silent_s=5.0)
        running = asyncio.create_task(made.run())
        while not made.pid:
            await asyncio.sleep(0.01)
        made.hear(BeatView(61.0, 1, 0, 0, 1, 0, 0.0, 0, 0, "", 0, 0.0))
        with pytest.raises(Retryable) as error:
            await running
        return str(error.value)

    assert asyncio.run(story()) == "its process has looked at nothing for 61 s and was ended"


def test_the_password_comes_on_standard_input_and_credentials_stay_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    secret = tmp_path / "password"
    secret.write_text("open sesame\nand more\n")
    spec = CameraSpec(SPEC.name, SPEC.url, SPEC.task, SPEC.labels, username="admin", password_file=secret)
    program = "import os, sys; sys.exit(repr((sys.stdin.read(), os.environ.get('CREDENTIALS_DIRECTORY'), sys.argv)))"
    assert "('open sesame\\n', None, ['-c'])" in str(end_of(link(program, spec)))


def test_it_goes_when_the_link_is_stopped() -> None:
    async def story() -> int:
        made = link("import time; time.sleep(600)")
        running = asyncio.create_task(made.run())
        while not made.pid:
            await asyncio.sleep(0.01)
        pid = made.pid
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return pid

    pid = asyncio.run(story())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
