"""`evidence`: listed, shown and copied on record, checked against record and audit log."""

import asyncio
import hashlib
import json
from pathlib import Path

import av
import numpy as np
import orjson
import pytest
from cli_kit import desk

from edgeguard.camera.evidence import keep
from edgeguard.camera.video import open_video
from edgeguard.camera.watch_file import watch_file
from edgeguard.core.clock import Stamp
from edgeguard.core.facade import FacadeSpec
from edgeguard.core.ids import BootId
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store, audit_body
from edgeguard.testing import film

STEM = "20261124T215501123Z"
FACADE = "[facade]\nsize = [320, 240]\nmasks = [[[0, 0], [120, 0], [120, 240], [0, 240]]]\n"


class Standing:
    """A clock that stands still."""

    def now(self) -> Stamp:
        return Stamp(1_795_000_000_000, 500_000, BootId("boot"), True)


def audited(state: Path, rows: list[dict[str, object]]) -> None:
    """A store with these rows in its audit log."""

    async def story() -> None:
        spec = StoreSpec(state, 2**26, 10**6, None, 200, 100)
        store = await Store.open(spec, Standing(), lambda _: None)
        task = asyncio.create_task(store.run())
        await store.put(Batch((), audit=tuple(audit_body(Standing().now(), orjson.dumps(row)) for row in rows)))
        await store.close()
        task.cancel()

    asyncio.run(story())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with one piece of evidence of a real, small fall."""
    folder = tmp_path_factory.mktemp("site")
    evidence = folder / "state" / "evidence" / "facade"
    evidence.mkdir(parents=True)
    throw = film.write(folder / "throw.mp4", film.drawn(25))
    (found,) = watch_file(throw, FacadeSpec()).found
    with open_video(throw) as video:
        for _ in video:
            pass
        event = {"camera": "facade", "confidence": 0.9}
        kept = keep(evidence, STEM, video.template, video.ring.cut(0.0, 9.0), found.fall, {"event": event})
    told = {"id": STEM, "clip_sha256": kept.clip_sha256, "picture_sha256": kept.picture_sha256}
    audited(folder / "state", [{"command": "evidence", "target": f"facade.{STEM}", "by": "camera facade", "evidence": told}])
    camera = '[[camera]]\nname = "facade"\nurl = "rtsp://10.0.0.9/1"\ntask = "falling"\nfacade = "facade.toml"\n'
    (folder / "facade.toml").write_text(FACADE)
    (folder / "site.toml").write_text(
        f'[gateway]\nsite = "a"\nid = "b"\n[store]\ndirectory = "{folder}/state"\n[control]\nsocket = "{folder}/s"\n{camera}'
    )
    return folder


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


def test_evidence_that_is_not_there(made: Path) -> None:
    with desk() as at:
        printed = at.type("evidence", "show", "20260101T000000000Z", "--config", str(made / "site.toml"))
        assert "there is no evidence 20260101T000000000Z" in printed.err
