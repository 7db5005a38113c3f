"""The list of what was kept and removed: a thief is missed by it, and no power cut, full disk or erasure ever looks like one."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edgeguard.camera.custody import CustodyBook, read_custody
from edgeguard.camera.evidence import write_whole
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.unlisted import Unlisted
from edgeguard.cli.custody import listed_in
from edgeguard.cli.session import Lang
from edgeguard.core.camera import CUSTODY
from edgeguard.store import traces

DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000


class Killed(BaseException):
    """The process ends here."""


class House:
    """One camera's folder, run after run; `told` has what the audit log knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: dict[str, object] = {}
        self.room = 10**12
        self._book: CustodyBook | None = None

    def start(self) -> Shelf:
        """A new process of the camera."""
        if self._book is not None:
            self._book.close()
        self._book = CustodyBook(self.folder, lambda: NOW_MS)
        shelf = Shelf(self.folder, 10_000, 30 * DAY_MS, free=lambda _: self.room, book=self._book)
        shelf.open()
        return shelf

    def keep(self, shelf: Shelf, at_ms: int) -> str:
        """A fall's evidence as `keep` and FallSeeker write it."""
        stem = shelf.fresh_stem(at_ms)
        for suffix in (".mp4", ".png", ".json"):
            write_whole(self.folder / f"{stem}{suffix}", b"{}" * 500)
        link = shelf.keep(stem)
        if link is not None:
            self.told[stem] = link
        shelf.told(stem)
        return stem

    def wrong(self) -> list[tuple[str, str]]:
        """What `evidence verify` says of the list."""
        here = {file.name.partition(".")[0] for file in self.folder.glob("2*")}
        return list(listed_in(self.folder, here, self.told, Lang.EN).wrong)  # type: ignore[arg-type]

    def steal(self, stem: str) -> None:
        for file in self.folder.glob(f"{stem}.*"):
            file.unlink()


def test_a_piece_that_is_taken_away_whole_is_missed_and_one_that_we_removed_is_not(tmp_path: Path) -> None:
    house = House(tmp_path)
    shelf = house.start()
    old, taken, left = (house.keep(shelf, NOW_MS - days * DAY_MS) for days in (31, 2, 1))
    assert [gone.stem for gone in shelf.tidy(NOW_MS)] == [old]
    assert not house.wrong()
    house.steal(taken)
    assert house.wrong() == [(taken, "it is missing, and nothing says that it was removed")]
    house.start()
    assert house.wrong() == [(taken, "it is missing, and nothing says that it was removed")], "a restart does not launder it"
    known = read_custody(tmp_path)
    assert known is not None
    assert (known.removed[old].why, known.removed[old].wall_ms, left in known.kept) == ("age", NOW_MS, True)


@pytest.mark.parametrize("how", ["cut", "gone", "changed", "torn"])
def test_with_the_list_cut_to_hide_it_the_piece_is_missed_by_the_audit_log(tmp_path: Path, how: str) -> None:
    house = House(tmp_path)
    shelf = house.start()
    kept = [house.keep(shelf, NOW_MS - n * 1000) for n in (3, 2, 1)]
    house.steal(kept[2])
    lines = (tmp_path / CUSTODY).read_bytes().splitlines(keepends=True)
    if how == "gone":
        (tmp_path / CUSTODY).unlink()
    else:
        last = {"cut": b"", "changed": lines[3].replace(kept[2].encode(), kept[0].encode()), "torn": lines[3][:40]}[how]
        (tmp_path / CUSTODY).write_bytes(b"".join(lines[:3]) + last)
    assert house.wrong()
    shelf = house.start()
    house.keep(shelf, NOW_MS)
    assert kept[2] in dict(house.wrong()), "nor does the list that goes on hide it"


def test_a_folder_of_an_older_version_gets_its_list_and_accuses_nobody(tmp_path: Path) -> None:
    house = House(tmp_path)
    old = Shelf(tmp_path, 10_000, 30 * DAY_MS)
    old.open()
    stem = house.keep(old, NOW_MS - 5000)
    assert not house.wrong()
    house.start()
    assert not house.wrong()
    house.steal(stem)
    assert [who for who, _ in house.wrong()] == [stem]


def test_what_is_erased_is_not_missed(tmp_path: Path) -> None:
    folder = tmp_path / "evidence" / "east"
    house = House(folder)
    shelf = house.start()
    stem, other = house.keep(shelf, NOW_MS - 5000), house.keep(shelf, NOW_MS - 4000)
    traces.remove([], [folder / f"{stem}.json"])
    assert not house.wrong()
    shelf.tidy(NOW_MS)
    known = read_custody(folder)
    assert known is not None
    assert (known.removed[stem].why, sorted(known.kept)) == ("erase", [other])
    assert not house.wrong()
    assert not list(folder.glob(".*erased"))


def test_on_a_full_disk_a_removal_is_put_down_in_the_room_kept_for_it_or_does_not_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    shelf = house.start()
    for n in range(4):
        house.keep(shelf, NOW_MS - 9000 + n * 1000)
    house.room = 0
    write = os.pwrite
    assert list(tmp_path.glob(".*.reserve"))

    def full(descriptor: int, content: bytes, at: int) -> int:
        if list(tmp_path.glob(".*.reserve")):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content, at)

    monkeypatch.setattr(os, "pwrite", full)
    assert len(shelf.tidy(NOW_MS)) == 3
    assert not house.wrong()

    def refuses(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuses)
    assert not shelf.tidy(NOW_MS + 31 * DAY_MS)
    assert len(shelf.pieces()) == 1
    stem = house.keep(shelf, NOW_MS)
    assert stem not in house.told, "kept all the same"
    monkeypatch.setattr(os, "pwrite", write)
    shelf.tidy(NOW_MS)
    known = read_custody(tmp_path)
    assert known is not None
    assert not house.wrong()


def test_a_list_that_has_grown_long_begins_anew_and_still_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.camera.custody.CUSTODY_BYTES", 4000)
    house = House(tmp_path)
    shelf = house.start()
    first = house.keep(shelf, NOW_MS - 10 * DAY_MS)
    (tmp_path / f"{first}.exported").touch()
    for n in range(60):
        house.keep(shelf, NOW_MS - 5 * DAY_MS + n * 1000)
        shelf.tidy(NOW_MS)
    assert (tmp_path / CUSTODY).stat().st_size < 8000
    assert not house.wrong()
    assert not house.start().tidy(NOW_MS)
    assert not house.wrong()
    house.steal(first)
    assert [who for who, _ in house.wrong()] == [first]


def test_two_processes_of_one_camera_do_not_write_one_list(tmp_path: Path) -> None:
    one, two = House(tmp_path), House(tmp_path)
    shelf = one.start()
    one.keep(shelf, NOW_MS - 3000)
    second = two.start()
    by_other = two.keep(second, NOW_MS - 2000)
    one.keep(shelf, NOW_MS - 1000)
    shelf.tidy(NOW_MS)
    one.told |= two.told
    assert not one.wrong()
    known = read_custody(tmp_path)
    assert known is not None
    assert by_other in known.kept, "the one that writes it puts down what the other has kept"


def test_a_list_that_another_process_holds_is_told_after_minutes_with_the_room_that_is_left(tmp_path: Path) -> None:
    """Nothing is removed then: on a full disk somebody has to know. A restart, which waits for seconds, is not told."""
    holder, waiting = (CustodyBook(tmp_path, lambda: NOW_MS) for _ in range(2))
    holder.settle({})
    told = Unlisted(lambda: 7 << 20)

    def minute(boot_ms: int) -> list[tuple[str, int, str]]:
        waiting.settle({})
        told.look(waiting.why_not, boot_ms)
        return [(one.code, one.since_boot_ms, one.detail) for one in told.trouble]

    assert [minute(60_000), minute(120_000)] == [[], []]
    expected = [("unlisted", 60_000, "another process of this camera has it; 7 MiB left on the disk")]
    assert [minute(180_000), minute(240_000)] == [expected, expected]
    holder.close()
    assert minute(300_000) == []
    waiting.close()
    holder.settle({})
    assert minute(360_000) == [], "the minutes are counted anew"


def test_a_list_that_the_disk_refuses_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = CustodyBook(tmp_path, lambda: NOW_MS)
    with monkeypatch.context() as patch:

        def refused(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, "fsync", refused)
        book.settle({})
    assert book.why_not == os.strerror(errno.EIO)
    book.settle({})
    assert book.why_not == ""


class Disk:
    """What of a folder is on the disk for sure, and what a power cut may leave of the rest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contents: dict[int, bytes] = {}
        self.names: dict[str, int] = {}

    def synced(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path == self.folder:
            self.names = {file.name: file.stat().st_ino for file in path.iterdir()}
        elif path.parent == self.folder:
            self.contents[path.stat().st_ino] = path.read_bytes()

    def cut(self, *, names_are_old: bool) -> None:
        """The power goes: what was not synced is not there; of names either all or nothing since the folder was synced."""
        now = {file.name: file.stat().st_ino for file in self.folder.iterdir()}
        after = {name: self.contents.get(inode, b"") for name, inode in (self.names if names_are_old else now).items()}
        for file in self.folder.iterdir():
            file.unlink()
        for name, content in after.items():
            (self.folder / name).write_bytes(content)


_STEPS = ("fsync", "pwrite", "ftruncate", "unlink", "replace", "open")


@contextmanager
def killed_at(step: int, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Killed before the call of that number to the kernel."""
    count = [0]
    with monkeypatch.context() as patch:
        for name in _STEPS:
            patch.setattr(os, name, _counted(getattr(os, name), name, count, step, disk))
        yield count


def _counted(real: Callable[..., object], name: str, count: list[int], step: int, disk: Disk) -> Callable[..., object]:
    def call(*args: object, **more: object) -> object:
        count[0] += 1
        if count[0] == step:
            raise Killed
        if name == "fsync":
            assert isinstance(args[0], int)
            disk.synced(args[0])
        return real(*args, **more)

    return call


def story(house: House) -> None:
    """Starts, keeps two falls, removes one of age and makes room by another."""
    shelf = house.start()
    house.keep(shelf, NOW_MS - 31 * DAY_MS)
    house.keep(shelf, NOW_MS - 3000)
    shelf.tidy(NOW_MS)
    house.room = 0
    shelf.make_room(500)
    shelf.tidy(NOW_MS)


@pytest.mark.parametrize("names_are_old", [None, False, True])
def test_killed_or_without_power_at_any_step_nobody_is_accused_and_what_is_stolen_after_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_are_old: bool | None
) -> None:
    steps = step = 0
    while steps == step:
        step += 1
        folder = tmp_path / str(step)
        folder.mkdir()
        house, disk = House(folder), Disk(folder)
        with killed_at(step, disk, monkeypatch) as count, suppress(Killed):
            story(house)
        steps = count[0]
        if names_are_old is not None:
            disk.cut(names_are_old=names_are_old)
        assert not house.wrong(), f"killed at step {step}"
        house.room = 10**12
        shelf = house.start()
        shelf.tidy(NOW_MS)
        assert not house.wrong(), f"at the start after step {step}"
        stem = house.keep(shelf, NOW_MS)
        assert not house.wrong()
        house.steal(stem)
        assert [who for who, _ in house.wrong()] == [stem]
    assert step > 50, "each call to the kernel was the last one once"


def test_a_list_with_a_spoilt_line_in_its_middle_is_told_for_ever(tmp_path: Path) -> None:
    house = House(tmp_path)
    shelf = house.start()
    stems = [house.keep(shelf, NOW_MS + 1000 * n) for n in range(5)]
    lines = (tmp_path / CUSTODY).read_bytes().split(b"\n")
    lines[3] = b"x" * len(lines[3])
    (tmp_path / CUSTODY).write_bytes(b"\n".join(lines))
    for file in tmp_path.glob(f"{stems[4]}*"):
        file.unlink()
    assert house.wrong()
    for _ in range(2):
        house.keep(house.start(), NOW_MS + 100_000)
        assert any("4" in words for _, words in house.wrong()), house.wrong()


def test_a_last_line_of_rubbish_accuses_nobody(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.keep(house.start(), NOW_MS)
    with (tmp_path / CUSTODY).open("ab") as file:
        file.write(bytes(40) + b"\n" + bytes(9))
    house.keep(house.start(), NOW_MS + 1000)
    assert house.wrong() == []
