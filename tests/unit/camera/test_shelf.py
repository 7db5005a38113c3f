"""Evidence within its bounds: what goes first, what is found again after a restart, what is left alone."""

from pathlib import Path

from edgeguard.camera.shelf import EXPORTED, UNSENT, Shelf, stem_of

DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000


def piece(folder: Path, at_ms: int, size: int = 1000, *marks: str) -> str:
    """Clip, picture and record of that moment, `size` bytes in all."""
    stem = stem_of(at_ms)
    (folder / f"{stem}.mp4").write_bytes(b"c" * (size - 102))
    (folder / f"{stem}.png").write_bytes(b"p" * 100)
    (folder / f"{stem}.json").write_bytes(b"{}")
    for mark in marks:
        (folder / f"{stem}{mark}").touch()
    return stem


def left(shelf: Shelf) -> list[str]:
    return [one.stem for one in shelf.pieces()]


def test_what_is_too_old_goes_whole(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 10**9, 30 * DAY_MS, free=lambda _: 10**12)
    old, young = piece(tmp_path, NOW_MS - 31 * DAY_MS), piece(tmp_path, NOW_MS - 29 * DAY_MS)
    assert [(gone.stem, gone.reason) for gone in shelf.tidy(NOW_MS)] == [(old, "age")]
    assert left(shelf) == [young]
    assert not list(tmp_path.glob(f"{old}*"))


def test_a_clock_that_is_not_trusted_makes_nothing_old(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 10**9, 30 * DAY_MS, free=lambda _: 10**12)
    kept = [piece(tmp_path, 5_000), piece(tmp_path, NOW_MS - 31 * DAY_MS)]
    assert not shelf.tidy(None)
    assert left(shelf) == kept
    assert [gone.stem for gone in shelf.tidy(NOW_MS)] == kept[1:], "taken in 1970: its age is not known"


def test_what_nobody_has_exported_goes_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 2500, 30 * DAY_MS, free=lambda _: 10**12)
    exported = piece(tmp_path, NOW_MS - 4000, 1000, EXPORTED)
    first, second = piece(tmp_path, NOW_MS - 3000), piece(tmp_path, NOW_MS - 2000)
    assert [(gone.stem, gone.reason) for gone in shelf.tidy(NOW_MS)] == [(first, "size")]
    assert left(shelf) == [exported, second]


def test_a_full_disk_takes_the_oldest_until_there_is_room(tmp_path: Path) -> None:
    stems = [piece(tmp_path, NOW_MS - 4000 + i * 1000) for i in range(4)]
    shelf = Shelf(tmp_path, 10**9, 30 * DAY_MS, free=lambda folder: 10**12 if len(list(folder.glob("*.mp4"))) <= 2 else 1000)
    assert [(gone.stem, gone.reason) for gone in shelf.tidy(NOW_MS)] == [(stems[0], "disk"), (stems[1], "disk")]


def test_a_disk_that_something_else_fills_does_not_take_what_has_just_been_kept(tmp_path: Path) -> None:
    stems = [piece(tmp_path, NOW_MS - 9000 + i * 1000, 1000, *((EXPORTED,) if i == 0 else ())) for i in range(3)]
    shelf = Shelf(tmp_path, 10**9, 30 * DAY_MS, free=lambda _: 0)
    assert [(gone.stem, gone.reason) for gone in shelf.tidy(NOW_MS)] == [(stems[1], "disk"), (stems[0], "disk")]
    assert left(shelf) == [stems[2]]
    assert not shelf.tidy(NOW_MS)
    assert [gone.reason for gone in shelf.tidy(NOW_MS + 31 * DAY_MS)] == ["age"]


def test_room_for_new_evidence_is_made_by_the_oldest_that_was_told_or_not_at_all(tmp_path: Path) -> None:
    exported = piece(tmp_path, NOW_MS - 9000, 1000, EXPORTED)
    untold = piece(tmp_path, NOW_MS - 8000, 1000, UNSENT)
    first, second = piece(tmp_path, NOW_MS - 7000), piece(tmp_path, NOW_MS - 6000)

    def free(folder: Path) -> int:
        return 5000 - sum(file.stat().st_size for file in folder.iterdir())

    shelf = Shelf(tmp_path, 10**9, 30 * DAY_MS, free=free)
    assert not shelf.make_room(1000), "there is room"
    assert [(gone.stem, gone.reason) for gone in shelf.make_room(1500)] == [(first, "disk")]
    assert not shelf.make_room(4500), "all that was told would not be enough"
    assert [gone.stem for gone in shelf.make_room(4000)] == [second, exported]
    assert left(shelf) == [untold]


def test_what_was_not_told_is_found_again_and_told_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "new", 10**9, DAY_MS)
    shelf.open()
    stem = shelf.fresh_stem(NOW_MS)
    assert shelf.fresh_stem(NOW_MS) != stem, "two falls in one millisecond are two"
    (shelf.folder / f"{stem}.json").write_text('{"event": {}}')
    assert [name for name, _ in shelf.untold()] == [stem], "a mark without a record tells of nothing"
    shelf.told(stem)
    assert not list(shelf.untold())
    assert not list(shelf.folder.glob(f"*{UNSENT}"))


def test_links_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    shelf = Shelf(folder, 64, DAY_MS, free=lambda _: 10**12)
    shelf.open()
    precious = tmp_path / "precious.mp4"
    precious.write_bytes(b"x" * 5000)
    (folder / f"{stem_of(NOW_MS - 5 * DAY_MS)}.mp4").symlink_to(precious)
    (folder / "notes.txt").write_text("do not touch")
    (folder / ".20261124T000000000Z.partial.mp4").write_bytes(b"half")
    shelf.open()
    shelf.tidy(NOW_MS)
    assert precious.exists()
    assert (folder / "notes.txt").exists()
    assert not (folder / ".20261124T000000000Z.partial.mp4").exists()
