"""`evidence`: listed, shown and copied on record, checked against record and audit log."""

import asyncio
import errno
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import orjson
import pytest
from cli_kit import desk

from edgeguard.camera.custody import CustodyBook
from edgeguard.camera.evidence import keep
from edgeguard.camera.sealing import Seal, sha256_within
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.video import open_video
from edgeguard.camera.watch_file import watch_file
from edgeguard.core.clock import Stamp
from edgeguard.core.facade import FacadeSpec
from edgeguard.core.ids import BootId
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store, audit_body, read_audit
from edgeguard.testing import film

STEM = "20261124T215501123Z"
FACADE = "[facade]\nsize = [320, 240]\nmasks = [[[0, 0], [120, 0], [120, 240], [0, 240]]]\n"


class Standing:
    """A clock that stands still."""

    def now(self) -> Stamp:
        return Stamp(1_795_000_000_000, 500_000, BootId("boot"), True)


def audited(state: Path, rows: list[dict[str, object]], later_ms: int = 0) -> None:
    """A store with these rows in its audit log."""

    async def story() -> None:
        spec = StoreSpec(state, 2**26, 10**6, None, 200, 100)
        at = replace(Standing().now(), wall_ms=Standing().now().wall_ms + later_ms)
        store = await Store.open(spec, Standing(), lambda _: None)
        task = asyncio.create_task(store.run())
        await store.put(Batch((), audit=tuple(audit_body(at, orjson.dumps(row)) for row in rows)))
        await store.close()
        task.cancel()

    asyncio.run(story())


KEY = b"a key of the site, long enough"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with one piece of evidence of a real, small fall."""
    return site_with_a_fall(tmp_path_factory.mktemp("site"), None)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, sealed."""
    return site_with_a_fall(tmp_path_factory.mktemp("sealed"), Seal(KEY))


def site_with_a_fall(folder: Path, seal: Seal | None) -> Path:
    evidence = folder / "state" / "evidence" / "facade"
    evidence.mkdir(parents=True)
    throw = film.write(folder / "throw.mp4", film.drawn(25))
    (found,) = watch_file(throw, FacadeSpec()).found
    with open_video(throw) as video:
        for _ in video:
            pass
        event = {"camera": "facade", "confidence": 0.9}
        kept = keep(evidence, STEM, video.template, video.ring.cut(0.0, 9.0), found.fall, {"event": event}, seal)
    told = {"id": STEM, "clip_sha256": kept.clip_sha256, "picture_sha256": kept.picture_sha256}
    audited(folder / "state", [{"command": "evidence", "target": f"facade.{STEM}", "by": "camera facade", "evidence": told}])
    camera = '[[camera]]\nname = "facade"\nurl = "rtsp://10.0.0.9/1"\ntask = "falling"\nfacade = "facade.toml"\n'
    if seal is not None:
        camera += 'picture_key_file = "key"\n'
        (folder / "key").write_bytes(KEY + b"\n")
        (folder / "key").chmod(0o600)
    (folder / "facade.toml").write_text(FACADE)
    (folder / "site.toml").write_text(
        f'[gateway]\nsite = "a"\nid = "b"\n[store]\ndirectory = "{folder}/state"\n[control]\nsocket = "{folder}/s"\n{camera}'
    )
    return folder


def shelf_with_a_list(folder: Path) -> tuple[Shelf, CustodyBook]:
    """As a camera's process opens it."""
    book = CustodyBook(folder, lambda: 1_795_000_000_000)
    shelf = Shelf(folder, 10**9, 30 * 86_400_000, free=lambda _: 10**12, book=book)
    shelf.open()
    return shelf, book


def piece_of(shelf: Shelf, at_ms: int) -> str:
    """A piece that was kept and told."""
    stem = shelf.fresh_stem(at_ms)
    (shelf.folder / f"{stem}.json").write_bytes(b"{}")
    shelf.keep(stem)
    shelf.told(stem)
    return stem


def test_what_is_kept_is_listed_and_found_whole(made: Path) -> None:
    with desk() as at:
        config = ("--config", str(made / "site.toml"))
        (one,) = json.loads(at.type("evidence", "list", *config, "--json").out)
        assert (one["camera"], one["id"], one["at"], one["told"]) == ("facade", STEM, "2026-11-24T21:55:01.000Z", True)
        assert STEM in at.type("evidence", "list", *config, width=200).out
        verified = at.type("evidence", "verify", *config)
        assert (verified.code, verified.out) == (0, "✓ 1 of 1 pieces are as they were kept\n")


@pytest.mark.slow
def test_a_copy_is_recorded_first_and_hides_what_the_masks_cover(made: Path, tmp_path: Path) -> None:
    with desk() as at:
        done = at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), "--config", str(made / "site.toml"), "--json")
        assert at.building.cameras.looked_at == [("export", f"facade.{STEM}")]
    files = json.loads(done.out)["files"]
    clip = tmp_path / "out" / f"{STEM}.masked.mp4"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}
    assert files[str(clip)] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{STEM}.masked.mp4", f"{STEM}.masked.png"]
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == 125
    assert max(int(frame[:, :112].max()) for frame in frames) < 24, "black but for what the codec smears"
    assert min(float(np.median(frame[:, 130:])) for frame in frames) > 60, "the rest is there"


@pytest.mark.slow
def test_masks_of_a_view_that_had_been_moved_are_not_trusted(made: Path, tmp_path: Path) -> None:
    record = made / "state" / "evidence" / "facade" / f"{STEM}.json"
    whole = record.read_bytes()
    told = json.loads(whole)
    told["event"]["moved"] = True
    record.write_text(json.dumps(told), encoding="utf-8")
    command = ("evidence", "export", STEM, "--to", str(tmp_path / "out"), "--config", str(made / "site.toml"))
    try:
        with desk() as at:
            refused = at.type(*command)
            assert (refused.code, "--masks-checked" in refused.err) == (1, True)
            assert not at.building.cameras.looked_at
            assert at.type(*command, "--masks-checked").code == 0
    finally:
        record.write_bytes(whole)


def test_without_a_daemon_nothing_is_shown_or_copied(made: Path, tmp_path: Path) -> None:
    with desk() as at:
        config = ("--config", str(made / "site.toml"), "--socket", str(tmp_path / "nobody"))
        assert at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), *config).code == 3
        assert at.type("evidence", "show", STEM, *config).code == 3
    assert not (tmp_path / "out").exists()


def test_a_changed_clip_is_found(made: Path) -> None:
    clip = made / "state" / "evidence" / "facade" / f"{STEM}.mp4"
    before = clip.read_bytes()
    clip.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        with desk() as at:
            verified = at.type("evidence", "verify", "--config", str(made / "site.toml"), width=200)
        assert (verified.code, "the clip was changed" in verified.out) == (1, True)
    finally:
        clip.write_bytes(before)


@pytest.mark.slow
def test_a_copy_of_half_a_clip_is_told_to_be_one(made: Path, tmp_path: Path) -> None:
    """Encoded anew with its masks it would look whole."""
    clip = made / "state" / "evidence" / "facade" / f"{STEM}.mp4"
    before = clip.read_bytes()
    clip.write_bytes(before[: len(before) // 2])
    command = ("evidence", "export", STEM, "--to", str(tmp_path / "out"), "--config", str(made / "site.toml"))
    try:
        with desk() as at:
            told = at.type(*command, width=200)
            assert (told.code, "the clip was changed" in told.out) == (1, True)
            assert json.loads(at.type(*command, "--json").out)["wrong"] == ["the clip was changed"]
    finally:
        clip.write_bytes(before)
        clip.with_suffix(".exported").unlink()
    assert (tmp_path / "out" / f"{STEM}.masked.mp4").exists()


@pytest.mark.slow
def test_no_copy_is_made_of_an_empty_picture_nor_beside_the_evidence_itself(made: Path, tmp_path: Path) -> None:
    folder = made / "state" / "evidence" / "facade"
    picture = folder / f"{STEM}.png"
    before, config = picture.read_bytes(), ("--config", str(made / "site.toml"))
    picture.write_bytes(b"")
    try:
        with desk() as at:
            refused = at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), *config)
        assert (refused.code, "is empty" in refused.err) == (1, True)
    finally:
        picture.write_bytes(before)
    with desk() as at:
        refused = at.type("evidence", "export", STEM, "--to", str(folder / ".." / "facade"), *config)
        assert (refused.code, "where the evidence itself lies" in refused.err) == (1, True)
        assert not at.building.cameras.looked_at


def test_a_file_that_the_disk_does_not_give_back_is_told_and_the_others_are_looked_at(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worn(file: Path, seal: Seal | None) -> str:
        if file.suffix == ".mp4":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return sha256_within(file, seal)

    monkeypatch.setattr("edgeguard.camera.sealing.sha256_within", worn)
    with desk() as at:
        (one,) = json.loads(at.type("evidence", "verify", "--config", str(made / "site.toml"), "--json").out)
    assert one["wrong"] == ["the clip cannot be read: Input/output error"]


def test_what_is_kept_told_or_removed_while_it_is_verified_is_nothing_wrong(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = made / "state" / "evidence" / "facade"
    half, told, gone = (f"20261124T21560{n}000Z" for n in range(3))
    for stem in (half, told):
        (evidence / f"{stem}.unsent").touch()
    (evidence / f"{half}.mp4").write_bytes(b"the record comes last")
    for stem in (told, gone):
        hashes = {"file": f"{stem}.mp4", "sha256": hashlib.sha256(b"").hexdigest()}
        (evidence / f"{stem}.mp4").touch()
        (evidence / f"{stem}.json").write_text(json.dumps({"clip": hashes, "picture": hashes}), encoding="utf-8")

    def meanwhile(directory: Path, most: int) -> object:
        """The daemon goes on while the log is read."""
        rows = list(read_audit(directory, most))
        (evidence / f"{told}.unsent").unlink()
        for file in evidence.glob(f"{gone}.*"):
            file.unlink()
        return rows

    monkeypatch.setattr("edgeguard.cli.evidence_log.read_audit", meanwhile)
    try:
        with desk() as at:
            verified = at.type("evidence", "verify", "--config", str(made / "site.toml"))
        assert (verified.code, verified.out) == (0, "✓ 2 of 2 pieces are as they were kept\n")
    finally:
        for stem in (half, told, gone):
            for file in evidence.glob(f"{stem}.*"):
                file.unlink()


def test_before_anything_was_kept_all_is_well_and_evidence_without_its_database_is_not(made: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    (tmp_path / "facade.toml").write_text(FACADE)
    (tmp_path / "site.toml").write_text((made / "site.toml").read_text().replace(f"{made}/state", str(state)))
    with desk() as at:
        fresh = at.type("evidence", "verify", "--config", str(tmp_path / "site.toml"))
        assert (fresh.code, fresh.out, fresh.err) == (0, "✓ 0 of 0 pieces are as they were kept\n", "")
        shutil.copytree(made / "state" / "evidence", state / "evidence")
        bereft = at.type("evidence", "verify", "--config", str(tmp_path / "site.toml"))
        assert (bereft.code, "the audit log knows nothing of it" in bereft.out) == (1, True)


def test_evidence_that_is_not_there(made: Path) -> None:
    with desk() as at:
        printed = at.type("evidence", "show", "20260101T000000000Z", "--config", str(made / "site.toml"))
        assert "there is no evidence 20260101T000000000Z" in printed.err


@pytest.mark.slow
def test_what_is_sealed_is_the_same_clip_checked_and_copied_through_its_seal(made: Path, locked: Path, tmp_path: Path) -> None:
    folder, plain = locked / "state" / "evidence" / "facade", made / "state" / "evidence" / "facade"
    assert sorted(file.name for file in folder.iterdir()) == [f"{STEM}.json", f"{STEM}.mp4.sealed", f"{STEM}.png.sealed"]
    assert b"ftyp" not in (folder / f"{STEM}.mp4.sealed").read_bytes()
    for ending in ("mp4", "png"):
        name = f"{STEM}.{ending}.sealed"
        assert Seal(KEY).opened(name, (folder / name).read_bytes()) == (plain / f"{STEM}.{ending}").read_bytes()
    (locked / "facade.toml").write_text(FACADE.replace("masks", "# masks"))
    config = ("--config", str(locked / "site.toml"))
    with desk() as at:
        assert json.loads(at.type("evidence", "list", *config, "--json").out)[0]["sealed"] is True
        assert at.type("evidence", "verify", *config).out == "✓ 1 of 1 pieces are as they were kept\n"
        assert "sealed; evidence export opens it" in at.type("evidence", "show", STEM, *config, width=300).out
        assert at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), *config).code == 0
    assert (tmp_path / "out" / f"{STEM}.mp4").read_bytes() == (plain / f"{STEM}.mp4").read_bytes()
    (locked / "facade.toml").write_text(FACADE)
    with desk() as at:
        assert at.type("evidence", "export", STEM, "--to", str(tmp_path / "masked"), *config).code == 0
    assert sorted(path.name for path in (tmp_path / "masked").iterdir()) == [f"{STEM}.masked.mp4", f"{STEM}.masked.png"]


@pytest.mark.slow
def test_a_new_key_leaves_older_evidence_to_the_old_one_and_a_missing_key_loses_nothing(locked: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    (locked / "key").rename(old)
    (locked / "key").write_bytes(b"the key of next year\n")
    (locked / "key").chmod(0o600)
    config = ("--config", str(locked / "site.toml"))
    try:
        with desk() as at:
            verified = at.type("evidence", "verify", *config, width=400)
            assert (verified.code, verified.out.count("sealed with another key")) == (1, 2)
            assert "sealed with another key" in at.type("evidence", "show", STEM, *config, width=400).out
            assert "sealed with another key" in at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), *config).err
            assert not list((tmp_path / "out").iterdir())
            assert at.type("evidence", "verify", *config, "--key", str(old)).code == 0
            assert at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), *config, "--key", str(old)).code == 0
    finally:
        old.rename(locked / "key")
    site = locked / "site.toml"
    written = site.read_text()
    site.write_text(written.replace('"key"', '"${CREDENTIALS_DIRECTORY}/key"'))  # which the service alone is given
    try:
        with desk() as at:
            verified = at.type("evidence", "verify", *config, width=400)
            assert (verified.code, verified.out.count("no key was given; --key FILE says")) == (1, 2)
            assert "no key was given" in at.type("evidence", "show", STEM, *config, width=400).out
            refused = at.type("evidence", "export", STEM, "--to", str(tmp_path / "none"), *config)
            assert (refused.code, "the key of pictures cannot be read" in refused.err) == (1, True)
            assert at.type("evidence", "verify", *config, "--key", str(locked / "key")).code == 0
    finally:
        site.write_text(written)
    clip = locked / "state" / "evidence" / "facade" / f"{STEM}.mp4.sealed"
    whole = clip.read_bytes()
    clip.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with desk() as at:
            assert "it was changed, cut or given another name" in at.type("evidence", "verify", *config, width=400).out
    finally:
        clip.write_bytes(whole)


def test_a_fall_that_was_taken_away_whole_is_missed_and_what_we_removed_is_told(made: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(made, site)
    (site / "site.toml").write_text((made / "site.toml").read_text().replace(str(made), str(site)))
    folder = site / "state" / "evidence" / "facade"
    shelf, book = shelf_with_a_list(folder)
    old = piece_of(shelf, 1_750_000_000_000)
    assert [gone.stem for gone in shelf.tidy(1_795_000_000_000)] == [old]
    stolen = piece_of(shelf, 1_795_000_000_000)
    book.close()
    for file in folder.glob(f"{stolen}.*"):
        file.unlink()
    with desk() as at:
        printed = at.type("evidence", "verify", "--config", str(site / "site.toml"), width=200)
    assert printed.code == 1
    first, second, third = printed.out.splitlines()
    assert first == f"✗ facade {stolen}: it is missing, and nothing says that it was removed"
    assert second == "– facade: 1 were removed (age 1), the last one 2026-11-18T11:06:40.000Z"
    assert third == "✓ 1 of 2 pieces are as they were kept"


def test_a_record_that_was_changed_is_found(made: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(made, site)
    (site / "site.toml").write_text((made / "site.toml").read_text().replace(str(made), str(site)))
    folder = site / "state" / "evidence" / "facade"
    shelf_with_a_list(folder)[1].close()
    with desk() as at:
        assert at.type("evidence", "verify", "--config", str(site / "site.toml")).code == 0
        record = folder / f"{STEM}.json"
        record.write_text(record.read_text().replace("0.9", "0.1"))
        printed = at.type("evidence", "verify", "--config", str(site / "site.toml"))
    assert (printed.code, "its record was changed" in printed.out) == (1, True)


def test_evidence_of_a_time_that_the_log_lost_in_a_restore_is_nothing_wrong(made: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(made, site)
    (site / "site.toml").write_text((made / "site.toml").read_text().replace(str(made), str(site)))
    for file in (site / "state").glob("*.db*"):
        file.unlink()
    audited(site / "state", [{"name": "restore", "target": "outbox", "by": "a"}], later_ms=30 * 86_400_000)
    with desk() as at:
        printed = at.type("evidence", "verify", "--config", str(site / "site.toml"), width=200)
    assert printed.code == 0, printed.out
    assert "1 are of a time of which the audit log has no rows" in printed.out
