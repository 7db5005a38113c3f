"""The machine's clocks, and an identity of the boot where the kernel hides its own."""

import itertools
import uuid
from pathlib import Path

import pytest

from edgeguard.core.ids import BootId
from edgeguard.runtime import clock as clock_module
from edgeguard.runtime.clock import SystemClock, kernel_says_synced, read_boot_id


@pytest.fixture
def hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's boot id cannot be read, as under ProcSubset=pid."""
    monkeypatch.setattr(clock_module, "_KERNEL_BOOT_ID", tmp_path / "proc" / "boot_id")


def test_the_kernels_boot_id_goes_before_a_kept_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_text("0e5a2a6c-9d0f-4a4a-8f3e-0c2f9b2c7a11\n")
    monkeypatch.setattr(clock_module, "_KERNEL_BOOT_ID", kernel)
    assert read_boot_id(tmp_path) == "0e5a2a6c-9d0f-4a4a-8f3e-0c2f9b2c7a11"
    assert not (tmp_path / "boot-id").exists()


@pytest.mark.usefixtures("hidden")
def test_a_kept_boot_id_is_the_same_in_every_run_of_one_boot(tmp_path: Path) -> None:
    first = read_boot_id(tmp_path)
    assert uuid.UUID(first)
    assert read_boot_id(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["boot-id"]
    (tmp_path / "boot-id").unlink()
    assert read_boot_id(tmp_path) != first


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("damage", [b"", b"not an id", b"\xff\xfe", b"0" * 4096])
def test_a_damaged_boot_id_is_made_anew_and_kept(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "boot-id").write_bytes(damage)
    fresh = read_boot_id(tmp_path)
    assert uuid.UUID(fresh)
    assert read_boot_id(tmp_path) == fresh


@pytest.mark.usefixtures("hidden")
def test_with_nowhere_to_keep_it_every_run_is_a_boot_of_its_own(tmp_path: Path) -> None:
    assert uuid.UUID(read_boot_id())
    assert read_boot_id() != read_boot_id()
    assert read_boot_id(tmp_path / "gone") != read_boot_id(tmp_path / "gone")


@pytest.mark.usefixtures("hidden")
def test_the_runtime_directory_is_the_first_that_systemd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/run/elsewhere")
    assert SystemClock().boot == (tmp_path / "boot-id").read_text()
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    assert SystemClock().boot != (tmp_path / "boot-id").read_text()


def test_the_kernel_gives_a_plain_word_on_synchronisation() -> None:
    assert isinstance(kernel_says_synced(), bool)


def test_stamps_of_one_clock_never_go_back_and_bear_one_boot() -> None:
    clock = SystemClock(BootId("boot-x"))
    stamps = [clock.now() for _ in range(500)]
    assert all(a.boot_ms <= b.boot_ms for a, b in itertools.pairwise(stamps))
    assert {stamp.boot for stamp in stamps} == {"boot-x"}
    assert all(stamp.wall_ms > 1_600_000_000_000 for stamp in stamps)


def test_both_times_pass_alike_until_the_wall_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where this process has to wait between reading one clock and the other."""
    boot_ns, wall_ns, waits = [5_000_000_400_000], [1_790_000_000_000_900_000], [0]

    def boot(_clock: int) -> int:
        return boot_ns[0]

    def wall() -> int:
        late, waits[0] = waits[0], 0
        return wall_ns[0] + late

    monkeypatch.setattr("edgeguard.runtime.clock.time.clock_gettime_ns", boot)
    monkeypatch.setattr("edgeguard.runtime.clock.time.time_ns", wall)
    clock = SystemClock(BootId("boot-x"))
    offsets = set()
    for k in range(200):
        boot_ns[0] += 777_777
        wall_ns[0] += 777_777
        waits[0] = 60_000_000 if k % 50 == 0 else 3_000_000 * (k % 3)
        stamp = clock.now()
        offsets.add(stamp.wall_ms - stamp.boot_ms)
    assert len(offsets) == 1
    assert abs(stamp.wall_ms - wall_ns[0] // 1_000_000) <= 1
    wall_ns[0] -= 3_600_000_000_000
    moved = clock.now()
    assert moved.wall_ms - moved.boot_ms == offsets.pop() - 3_600_000


def test_the_kernel_is_asked_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def answer() -> bool:
        asked.append(True)
        return len(asked) > 1

    now_ns = [0]
    monkeypatch.setattr(clock_module, "kernel_says_synced", answer)
    monkeypatch.setattr("edgeguard.runtime.clock.time.monotonic_ns", lambda: now_ns[0])
    clock = SystemClock(BootId("boot-x"))
    assert [clock.now().synced for _ in range(100)] == [False] * 100
    now_ns[0] += 1_000_000_001
    assert [clock.now().synced for _ in range(100)] == [True] * 100
    assert len(asked) == 2
