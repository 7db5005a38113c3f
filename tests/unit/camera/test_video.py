import gc
import multiprocessing
import resource
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.camera.ring import EncodedPacket, PacketRing
from edgeguard.camera.timeline import Timeline
from edgeguard.camera.video import VideoError, luma_of, open_video, pixels
from edgeguard.testing import film
from edgeguard.testing.examples import examples

MS = Fraction(1, 1000)


@given(st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=60), st.sampled_from([None, Fraction(25), Fraction(90000)]))
@settings(max_examples=examples(60))
def test_seconds_only_grow_whatever_the_stamps(stamps: list[int | None], rate: Fraction | None) -> None:
    timeline = Timeline(MS, rate)
    seconds = [timeline.stamp(pts) for pts in stamps]
    assert all(later > earlier for earlier, later in pairwise(seconds))
    assert seconds[:1] in ([], [0.0])


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(10, 500), min_size=1, max_size=30))
@settings(max_examples=examples(60))
def test_good_stamps_are_believed_to_the_tick(first: int, steps: list[int]) -> None:
    """Variable frame rates are real; of a few stamps that tremble nobody can say more."""
    timeline = Timeline(MS, Fraction(25))
    stamps = [first + sum(steps[:i]) for i in range(len(steps) + 1)]
    assert [timeline.stamp(pts) for pts in stamps] == pytest.approx([(pts - first) / 1000 for pts in stamps], abs=1e-5)
    assert timeline.repaired == 0


def test_stamps_that_begin_anywhere_give_the_very_seconds_of_those_that_begin_at_nought() -> None:
    def seconds(first: int) -> list[float]:
        timeline = Timeline(Fraction(1, 90_000), Fraction(20))
        return [timeline.stamp(first + 4500 * n) for n in range(200)]

    assert seconds(0) == seconds(126_000) == seconds(3_141_592_653)


def test_stamps_in_decoding_order_are_replaced_by_counting() -> None:
    timeline = Timeline(Fraction(1, 25), Fraction(25))
    seconds = [timeline.stamp(pts) for group in range(0, 90, 3) for pts in (group + 1, group + 3, group + 2)]
    assert np.diff(seconds[12:]) == pytest.approx(0.04)
    assert seconds[-1] == pytest.approx(89 / 25, abs=0.2)


def test_a_long_pause_is_a_pause_and_a_wild_jump_is_not() -> None:
    timeline = Timeline(MS, Fraction(25))
    assert [timeline.stamp(pts) for pts in (0, 40, 9040, 10**9, 10**9 + 40)] == pytest.approx([0, 0.04, 9.04, 9.08, 9.12])


def test_a_clock_that_was_set_back_goes_on_from_the_last_second_for_packets_too() -> None:
    timeline = Timeline(MS, Fraction(25))
    for pts in (0, 40, 10_000, 10_040):
        timeline.stamp(pts)
    assert timeline.locate(5_000) == pytest.approx(10.04)
    assert [timeline.stamp(pts) for pts in (5_000, 5_040, 5_240)] == pytest.approx([10.08, 10.12, 10.32])
    assert timeline.locate(5_280) == pytest.approx(10.36)


def _packet(t_s: float, is_key: bool, size: int = 10) -> EncodedPacket:
    return EncodedPacket(bytes(size), int(t_s * 1000), None, 40, is_key, t_s)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=200), st.floats(0.1, 5), st.integers(300, 5000))
@settings(max_examples=examples(60))
def test_the_ring_keeps_its_bounds_and_begins_at_a_key(packets: list[tuple[bool, int]], span_s: float, max_bytes: int) -> None:
    ring = PacketRing(span_s, max_bytes)
    for number, (is_key, size) in enumerate(packets):
        ring.add(_packet(number / 25, is_key, size))
        assert ring.bytes <= max_bytes
    cut = ring.cut(-1.0, 1e9)
    assert sum(len(p.data) for p in cut) == ring.bytes
    assert not cut or cut[0].is_key


def test_a_cut_begins_at_the_key_before_and_ends_on_time() -> None:
    ring = PacketRing()
    for number in range(100):
        ring.add(_packet(number / 10, number % 20 == 0))
    assert [p.t_s for p in ring.cut(4.5, 6.05)][:: 10**6] == [4.0]
    assert ring.cut(4.5, 6.05)[-1].t_s == 6.0
    assert ring.cut(-5.0, 0.2)[0].t_s == 0.0


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "mpeg4"), ("a.mp4", "libx265"), ("a.avi", "mjpeg")])
def test_pictures_are_what_was_filmed(tmp_path: Path, name: str, codec: str) -> None:
    pictures = film.noise(12)
    with open_video(film.write(tmp_path / name, pictures, codec=codec, crf=5)) as video:
        seen = list(video)
    assert [p.t_s for p in seen] == pytest.approx([i / 25 for i in range(12)])
    assert all(p.size == (64, 48) and not p.damaged for p in seen)
    assert np.mean([np.abs(p.luma.astype(int) - q).mean() for p, q in zip(seen, pictures, strict=True)]) < 12
    assert seen[0].bgr().shape == (48, 64, 3)


def test_luma_is_a_view_of_the_decoders_buffer(tmp_path: Path) -> None:
    with open_video(film.write(tmp_path / "a.mp4", film.noise(3))) as video:
        picture = next(iter(video))
    assert picture.luma.base is not None
    assert np.shares_memory(picture.luma, np.frombuffer(picture._frame.planes[0], np.uint8))  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["yuv420p10le", "yuv422p10le", "yuv444p12le", "gray10le", "gray16le", "p010le"])
def test_luma_of_more_than_eight_bits_is_what_eight_would_be(name: str) -> None:
    frame = av.VideoFrame(70, 34, name)
    bits, high = frame.format.components[0].bits, name == "p010le"
    grey = np.arange(70 * 34).reshape(34, 70) % 251
    rows = np.frombuffer(frame.planes[0], np.uint16).reshape(34, -1)  # type: ignore[call-overload]
    rows[:, :70] = grey << (8 if high else bits - 8)
    assert (luma_of(frame) == grey).all()


@pytest.mark.parametrize(
    ("shown", "turned"),
    [
        ((0, 1, 0, -1, 0, 0, 0, 0, 1), lambda seen: np.rot90(seen, -1)),
        ((0, -1, 0, 1, 0, 0, 0, 0, 1), lambda seen: np.rot90(seen, 1)),
        ((-1, 0, 0, 0, -1, 0, 0, 0, 1), lambda seen: np.rot90(seen, 2)),
        ((-1, 0, 0, 0, 1, 0, 0, 0, 1), np.fliplr),
        ((1, 0, 0, 0, -1, 0, 0, 0, 1), np.flipud),
        ((0, 1, 0, 1, 0, 0, 0, 0, 1), lambda seen: np.swapaxes(seen, 0, 1)),
    ],
    ids=["right", "left", "upside down", "mirror", "flipped", "mirror and turned"],
)
def test_pictures_are_upright_however_the_camera_lay(tmp_path: Path, shown: tuple[int, ...], turned: Callable[[Any], Any]) -> None:
    pictures = film.noise(3)
    with open_video(film.write(tmp_path / "a.mp4", pictures)) as video:
        plain = [(p.luma.copy(), p.bgr()) for p in video]
    with open_video(film.write(tmp_path / "b.mp4", pictures, shown=[65536 * one for one in shown])) as video:
        for (luma, bgr), picture in zip(plain, video, strict=True):
            assert np.array_equal(picture.luma, turned(luma))
            assert np.array_equal(picture.bgr(), turned(bgr))


@pytest.mark.parametrize("shown", [None, (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)])
def test_a_picture_that_nobody_holds_is_gone_at_once(tmp_path: Path, shown: tuple[int, ...] | None) -> None:
    """Not when the collector comes by: by then hundreds of pictures fill a camera's memory."""
    with open_video(film.write(tmp_path / "a.mp4", film.noise(60), shown=shown)) as video:
        gc.collect()
        gc.disable()
        try:
            for picture in video:
                picture.bgr()
            del picture
            assert gc.collect() < 20
        finally:
            gc.enable()


def test_what_is_wrong_with_a_file_is_told_in_words(tmp_path: Path) -> None:
    whole = film.write(tmp_path / "a.mp4", film.noise(10)).read_bytes()
    for name, content, words in (
        ("none.mp4", b"", "is empty"),
        ("half.mp4", whole[: len(whole) // 2], "is no video, or is cut short or damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VideoError, match=f"{name}: {words}"):
            open_video(tmp_path / name)


def test_a_frame_rate_given_by_hand_wins(tmp_path: Path) -> None:
    with open_video(film.write(tmp_path / "a.mp4", film.noise(5)), fps=10) as video:
        assert [p.t_s for p in video] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_damaged_stream_is_counted_and_goes_on(tmp_path: Path) -> None:
    path = film.write(tmp_path / "a.ts", film.noise(75))
    spoilt = bytearray(path.read_bytes())
    for place in np.random.default_rng(3).integers(2000, len(spoilt), 40):
        spoilt[place] ^= 0xFF
    path.write_bytes(spoilt)
    with open_video(path) as video:
        seen = list(video)
    assert len(seen) > 40
    assert video.counts.broken > 0
    assert all(later.t_s > earlier.t_s for earlier, later in pairwise(seen))


def test_the_size_may_change_on_the_way(tmp_path: Path) -> None:
    small = film.write(tmp_path / "a.ts", film.noise(10))
    large = film.write(tmp_path / "b.ts", film.noise(10, 96, 80))
    (tmp_path / "ab.ts").write_bytes(small.read_bytes() + large.read_bytes())
    with open_video(tmp_path / "ab.ts") as video:
        sizes = {p.size for p in video}
    assert sizes == {(64, 48), (96, 80)}
    assert video.counts.resized == 1


def test_a_file_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    path = film.write(tmp_path / "a.mkv", film.noise(60))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_video(path) as video:
        assert 10 < len(list(video)) < 60


@pytest.mark.parametrize("content", [b"", b"this is no video\n" * 100, bytes(5000)])
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"odd\.mp4"), open_video(path) as video:
        list(video)


@pytest.mark.parametrize("name", ["2026-11-25T12:00:00.mp4", "http:x.mp4", "concat:x.mp4", "%03d.mp4"])
def test_a_file_is_a_file_whatever_its_name_looks_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    film.write(Path("plain.mp4"), film.noise(1)).rename(name)
    with open_video(Path(name)) as video:
        assert next(iter(video)).index == 0


def test_missing_files_and_directories_are_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"none\.mp4"):
        open_video(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="directory"):
        open_video(tmp_path)


def test_the_ring_holds_the_packets_of_the_file(tmp_path: Path) -> None:
    with open_video(film.write(tmp_path / "a.mp4", film.noise(60))) as video:
        pictures = list(video)
    kept = video.ring.cut(0.0, 1e9)
    assert len(kept) == len(pictures) == 60
    assert [p.t_s for p in kept if p.is_key] == pytest.approx([0.0, 1.0, 2.0])


def _colours_within_more_and_more() -> None:
    """Ends well when a conversion does, with a traceback where one fails for another reason than memory."""
    frame = av.VideoFrame(7680, 4320, "yuv420p")
    size = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    for spare_mib in range(0, 400, 4):
        resource.setrlimit(resource.RLIMIT_DATA, (int(size.split()[1]) * 1024 + (spare_mib << 20), hard))
        with suppress(MemoryError):
            pixels(frame, "bgr24")
            raise SystemExit(0 if spare_mib > 90 else "it had room from the start")
    raise SystemExit("it never had room")


def test_a_conversion_that_has_no_room_speaks_of_memory_wherever_it_runs_out() -> None:
    """swscale says that it would block (EAGAIN) when its second buffer has no room. In a process without a used heap."""
    child = multiprocessing.get_context("spawn").Process(target=_colours_within_more_and_more)
    child.start()
    child.join()
    assert child.exitcode == 0
