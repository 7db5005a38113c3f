"""Readings over time -> passes."""

import pytest

from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Candidate, Reading
from edgeguard.vision.plate_geometry import box_corners
from edgeguard.vision.plate_grammar import Colour, PlateKind
from edgeguard.vision.plate_tracks import PlateTrack, PlateTracks, passes


def reading(text: str, confidence: float = 0.9, *rivals: tuple[str, float]) -> Reading:
    return Reading(text, confidence, PlateKind.ORDINARY, Colour.BLUE, tuple(Candidate(*rival) for rival in rivals))


def at(x: float, y: float = 100.0, width: float = 90.0) -> Found:
    return Found(box_corners(x, y, x + width, y + width / 3.14), 0.9)


def seen(*rows: tuple[float, str, float, Found]) -> list[str]:
    tracks = PlateTracks()
    over: list[PlateTrack] = []
    for t_s, text, confidence, found in rows:
        over += tracks.see(t_s, [(reading(text, confidence), found)])
    return [one.text for one in passes([*over, *tracks.end()])]


def test_one_misread_frame_is_outvoted() -> None:
    rows = [(i * 0.1, "皖A12345" if i != 2 else "皖A1Z345", 0.9, at(100 + 5 * i)) for i in range(6)]
    assert seen(*rows) == ["皖A12345"]


def test_a_stopped_car_is_one_pass_and_the_next_car_another() -> None:
    first = [(float(t), "皖A12345", 0.9, at(100)) for t in range(30)]
    second = [(31.0 + t, "苏E8CD20", 0.9, at(400)) for t in range(3)]
    assert seen(*first, *second) == ["皖A12345", "苏E8CD20"]


def test_two_cars_side_by_side_are_two() -> None:
    tracks = PlateTracks()
    for t in range(4):
        tracks.see(t * 0.1, [(reading("皖A12345"), at(100 + t)), (reading("皖A12346"), at(400 + t))])
    assert sorted(one.text for one in passes(tracks.end())) == ["皖A12345", "皖A12346"]


def test_a_plate_hidden_for_a_moment_is_still_one_pass() -> None:
    assert seen((0.0, "皖A12345", 0.9, at(100)), (5.0, "皖A12345", 0.9, at(300))) == ["皖A12345"]


def test_a_car_that_comes_back_later_passes_twice() -> None:
    assert seen((0.0, "皖A12345", 0.9, at(100)), (60.0, "皖A12345", 0.9, at(100))) == ["皖A12345", "皖A12345"]


def test_a_long_stay_keeps_a_bounded_memory() -> None:
    tracks = PlateTracks()
    for i in range(500):
        tracks.see(i * 0.1, [(reading("皖A12345", 0.5 + (i % 7) / 20), at(100))])
    (track,) = tracks.end()
    assert len(track.sightings) <= 64
    assert track.first_s == 0.0
    assert track.last_s == pytest.approx(49.9)
