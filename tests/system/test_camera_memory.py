"""A camera whose pictures need more memory than it may have, or than the machine has: its process ends, nothing else does, and it
comes back by itself."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from harness import daemon, site_text, wait_for

from edgeguard.control import call, methods
from edgeguard.control.camera_views import CameraView
from edgeguard.testing import film

pytestmark = pytest.mark.slow

HUGE = 4320, 7680


@pytest.mark.timeout(240)
def test_a_process_out_of_memory_ends_is_told_and_comes_back(tmp_path: Path) -> None:
    """RLIMIT_DATA, which each process sets itself from `memory`, refuses what the system would still give."""
    seen = film.write(tmp_path / "seen.mp4", (np.full(HUGE, 128, np.uint8) for _ in range(3)), crf=40)
    camera = f'[[camera]]\nname = "eye"\nurl = "file:{seen}"\ntask = "falling"\nmemory = "192MiB"\n'
    with daemon(tmp_path, site_text(tmp_path, None, {}, camera)) as running:

        def view() -> CameraView:
            return call(running.folder / "control.sock", methods.CAMERAS)[0]

        wait_for(lambda: view().restarts >= 1, "the end of its process", 90)
        told = running.log()
        assert '"code":"restarting"' in told.replace(" ", "")
        assert "memory" in told.partition("its process ended with code")[2].partition("\n")[0].lower()
        film.write(tmp_path / "wall.mp4", film.drawn(12, falls=False, seconds=3.0), fps=12).replace(seen)
        wait_for(lambda: view().state == "well" and view().pictures > 0, "pictures that it has room for", 90)


HOG = """
import sys
open("/proc/self/oom_score_adj", "w").write("-900")
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
held = []
while True:
    held.append(b"x" * (1 << 20))
    print(len(held), flush=True)
    if len(held) == int(sys.argv[2]):
        sys.stdin.read()
"""


@contextmanager
def memory_group(name: str) -> Iterator[Path]:
    """A control group of whose memory the kernel takes care, as it does of a service's."""
    old = Path("/sys/fs/cgroup/memory")
    folder = (old if old.is_dir() else old.parent) / name
    limit = "memory.limit_in_bytes" if old.is_dir() else "memory.max"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control groups may be made here: {error.strerror}")
    try:
        if not (folder / limit).exists():
            pytest.skip("control groups hold no memory here")
        for file, value in (("memory.swappiness", "0"), ("memory.swap.max", "0")):
            with suppress(OSError):
                (folder / file).write_text(value)
        yield folder
    finally:
        try:
            wait_for(lambda: not (folder / "cgroup.procs").read_text(), "the end of its last process", 30)
        finally:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def born_in(group: Path) -> Iterator[None]:
    """Whoever is started meanwhile lives, and is counted, there."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()]
    home = next(path for _, kind, path in lines if kind in ("memory", "") and ("memory" in group.parts) == (kind == "memory"))
    back = group.parent / home.lstrip("/") / "cgroup.procs"
    try:
        back.write_text("0")
        (group / "cgroup.procs").write_text("0")
    except OSError as error:
        pytest.skip(f"processes may not go from one control group to another here: {error.strerror}")
    try:
        yield
    finally:
        back.write_text("0")


def bound(group: Path, room_bytes: int) -> None:
    """So much more memory than it has now, and no more."""
    for used, limit in (("memory.usage_in_bytes", "memory.limit_in_bytes"), ("memory.current", "memory.max")):
        if (group / used).exists():
            (group / limit).write_text(str(int((group / used).read_text()) + room_bytes))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes control groups")
@pytest.mark.timeout(240)
def test_the_kernel_ends_a_camera_where_memory_is_short_and_nothing_else(tmp_path: Path) -> None:
    """As in a service that has reached its MemoryMax. What asks for more may not be chosen itself, so that the kernel must choose
    between the daemon and the camera."""
    wall = film.write(tmp_path / "wall.mp4", film.drawn(12, falls=False, seconds=3.0), fps=12)
    camera = f'[[camera]]\nname = "eye"\nurl = "file:{wall}"\ntask = "falling"\n'
    with memory_group(f"edgeguard-{os.getpid()}") as group, ExitStack() as stack:
        with born_in(group):
            running = stack.enter_context(daemon(tmp_path, site_text(tmp_path, None, {}, camera)))

        def view() -> CameraView:
            return call(running.folder / "control.sock", methods.CAMERAS)[0]

        wait_for(lambda: view().state == "well" and view().pictures > 0, "pictures", 90)
        first = view().pid
        asked = [int(Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii")) for pid in (running.child.pid, first)]
        assert asked[1] == min(1000, asked[0] + 500), "large as a daemon may be, a camera goes first"
        bound(group, 20 << 20)
        hog = subprocess.Popen(
            [sys.executable, "-c", HOG, str(group), "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            wait_for(lambda: view().restarts == 1 and view().pid != first, "the end of its process", 60)
            assert hog.poll() is None
        finally:
            hog.kill()
            hog.communicate()
        wait_for(lambda: view().state == "well" and view().pictures > 0, "pictures of another process", 90)
        assert running.child.poll() is None
        assert "its process was ended by SIGKILL, as the kernel does when memory is short" in running.log()
