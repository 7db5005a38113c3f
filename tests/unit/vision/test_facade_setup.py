"""Setting a facade up: round trips on made-up cameras, and how far floors go wrong with clicks of a person."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.facade import FacadeSpec, FloorLine, Mount
from edgeguard.testing.examples import examples
from edgeguard.vision.facade import plane_of
from edgeguard.vision.facade_setup import focal_px_of, look_at_facade

SIZE = (1920, 1080)
mounts = st.builds(Mount, st.floats(5, 50), st.floats(800, 3000), st.floats(8, 40), st.floats(2, 6))


def row_of(mount: Mount, height_m: float) -> float:
    angle = math.atan2(height_m - mount.height_m, mount.distance_m) - math.radians(mount.pitch_deg)
    return SIZE[1] / 2 - mount.focal_px * math.tan(angle)


def lines_of(mount: Mount, floors: tuple[int, ...], off_px: float = 0.0, seed: int = 1) -> tuple[FloorLine, ...]:
    rng = random.Random(seed)
    rows = {floor: row_of(mount, 3.0 * (floor - 1)) for floor in floors}
    return tuple(
        FloorLine(floor, (0, row + rng.gauss(0, off_px)), (1920, row + rng.gauss(0, off_px))) for floor, row in rows.items()
    )


@given(mount=mounts, height_m=st.floats(0, 50), x=st.floats(0, 1920))
@settings(max_examples=examples(60))
def test_rows_and_heights_lead_back_to_each_other(mount: Mount, height_m: float, x: float) -> None:
    for spec in (FacadeSpec(mount=mount), FacadeSpec(lines=lines_of(mount, (2, 5, 9)))):
        plane = plane_of(spec, SIZE)
        assert plane is not None
        assert plane.height_m(x, plane.row_of(x, height_m)) == pytest.approx(height_m, abs=1e-6)


@given(mount=mounts)
@settings(max_examples=examples(60))
def test_lines_and_a_lens_say_where_the_camera_hangs(mount: Mount) -> None:
    plane = plane_of(FacadeSpec(lines=lines_of(mount, (2, 5, 9)), focal_px=mount.focal_px), SIZE)
    assert plane is not None
    assert plane.distance_m == pytest.approx(mount.distance_m, rel=1e-4)
    assert plane.camera_m == pytest.approx(mount.height_m, abs=1e-2)
    known = plane_of(FacadeSpec(mount=mount), SIZE)
    assert known is not None
    assert plane.smallest_cm(960, 300) == pytest.approx(known.smallest_cm(960, 300), rel=1e-3)


def test_a_lens_that_does_not_go_with_the_lines_is_refused() -> None:
    lines = lines_of(Mount(30, 1800, 18, 3), (2, 5, 9))
    with pytest.raises(ValueError, match="focal length"):
        plane_of(FacadeSpec(lines=lines, focal_px=99_000), SIZE)


def test_what_is_behind_the_camera_has_no_row() -> None:
    """It looks up so steeply that the zenith is in the picture."""
    plane = plane_of(FacadeSpec(mount=Mount(80, 1200, 18, 3)), SIZE)
    assert plane is not None
    assert plane.row_of(960, 40.0) > 540
    assert math.isnan(plane.row_of(960, -400.0))


def test_clicks_of_a_person_leave_the_floor_right() -> None:
    """Three lines clicked 2 px off, on a picture of 13 floors: the figure of docs/falling.md."""
    mount, wrong, seen = Mount(38, 1000, 20, 3), 0, 0
    for seed in range(40):
        plane = plane_of(FacadeSpec(lines=lines_of(mount, (4, 9, 15), 2.0, seed)), SIZE)
        assert plane is not None
        for floor in range(3, 17):
            row = row_of(mount, 3.0 * (floor - 1) + 1.2)
            if 0 <= row <= SIZE[1]:
                seen += 1
                wrong += abs(plane.place(960, row).floor - floor) > 1
    assert seen > 400
    assert wrong / seen < 0.01


def test_the_error_that_is_shown_is_the_one_that_clicks_make() -> None:
    mount = Mount(38, 1500, 20, 3)
    view = look_at_facade(FacadeSpec(lines=lines_of(mount, (2, 6, 10))), SIZE)
    top = view.floors[-1]
    real = []
    for seed in range(80):
        rng = random.Random(seed)
        lines = [
            FloorLine(f, (0, r + d), (1920, r + d))
            for f in (2, 6, 10)
            for r, d in [(row_of(mount, 3.0 * (f - 1)), rng.gauss(0, 2))]
        ]
        plane = plane_of(FacadeSpec(lines=tuple(lines)), SIZE)
        assert plane is not None
        real.append((plane.height_m(960, top.rows[1]) / 3.0 + 1 - top.floor) ** 2)
    assert top.error == pytest.approx(math.sqrt(sum(real) / len(real)), rel=0.35)
    assert top.floor > 10
    assert any("draw one more line" in told.en for told in view.warnings) is (top.error > 0.5)


def test_every_floor_of_the_picture_is_told_from_below() -> None:
    mount = Mount(38, 1500, 20, 3)
    view = look_at_facade(FacadeSpec(mount=mount, polygon=((0, 0), (960, 0), (960, 1080), (0, 1080))), SIZE)
    floors = [one.floor for one in view.floors]
    assert floors == list(range(floors[0], floors[-1] + 1))
    assert all(0 <= one.rows[1] <= 1080 for one in view.floors)
    assert [one.smallest_cm for one in view.floors] == sorted(one.smallest_cm for one in view.floors)
    assert view.watched_share == pytest.approx(0.5, abs=0.01)
    assert (view.distance_m, view.camera_m, view.refusal) == (20, 3, "")


def test_without_floors_it_says_what_is_lost() -> None:
    view = look_at_facade(FacadeSpec(), SIZE)
    assert not view.floors
    assert "without a floor" in view.warnings[0].en
    bad = look_at_facade(FacadeSpec(lines=tuple(FloorLine(f, (0, r), (1920, r)) for f, r in ((2, 900), (5, 300), (9, 600)))), SIZE)
    assert "do not rise" in bad.refusal


def test_a_camera_that_would_hang_in_the_ground_is_doubted() -> None:
    rows = tuple(FloorLine(floor, (0, row), (960, row)) for floor, row in ((1, 500), (4, 260), (7, 130)))
    doubts = [warning.en for warning in look_at_facade(FacadeSpec(lines=rows, focal_px=922.0), (960, 540)).warnings]
    assert any("13 m below the ground floor" in doubt for doubt in doubts)
    right = look_at_facade(FacadeSpec(lines=lines_of(Mount(20, 1500, 18, 3), (1, 4, 7)), focal_px=1500.0), SIZE)
    assert not any("below the ground" in warning.en for warning in right.warnings)


def test_masks_are_taken_off_once() -> None:
    square = ((0.0, 0.0), (480.0, 0.0), (480.0, 1080.0), (0.0, 1080.0))
    view = look_at_facade(FacadeSpec(masks=(square, square)), SIZE)
    assert view.watched_share == pytest.approx(0.75, abs=0.01)


def test_a_lens_in_words() -> None:
    assert focal_px_of(1920, view_deg=90) == pytest.approx(960)
    assert focal_px_of(1920, lens_mm=6.0, sensor_mm=6.4) == pytest.approx(1800)
    with pytest.raises(ValueError, match="sensor"):
        focal_px_of(1920, lens_mm=6.0)


@given(mount=mounts, ground=st.integers(-2, 2), skipped=st.sets(st.integers(-6, 20), max_size=6), storeys=st.integers(-8, 30))
@settings(max_examples=examples(60))
def test_a_house_without_some_numbers_is_told_by_its_own(mount: Mount, ground: int, skipped: set[int], storeys: int) -> None:
    left_out = tuple(sorted(skipped - {ground}))
    plane = plane_of(FacadeSpec(mount=mount, ground_floor=ground, skipped_floors=left_out), SIZE)
    assert plane is not None
    floor = plane.floor_of(storeys)
    assert floor not in left_out
    assert plane.slab_m(floor) == pytest.approx(3.0 * storeys)
    assert (floor > ground, floor < ground) == (storeys > 0, storeys < 0)
    assert [plane.floor_of(n) for n in range(-8, 31)] == sorted({plane.floor_of(n) for n in range(-8, 31)})


def test_lines_of_a_house_without_a_fourth_floor_put_every_floor_right() -> None:
    """Storeys 1, 2, 3, 5, 6: the slab called 5 is the fourth."""
    mount = Mount(20, 1000, 18, 3)
    rows = {floor: row_of(mount, 3.0 * storeys) for floor, storeys in ((2, 1), (5, 3), (8, 6))}
    lines = tuple(FloorLine(floor, (0, row), (1920, row)) for floor, row in rows.items())
    spec = FacadeSpec(lines=lines, skipped_floors=(4,))
    plane = plane_of(spec, SIZE)
    assert plane is not None
    told = [plane.place(960, row_of(mount, 3.0 * storeys + 1.0)).floor for storeys in range(1, 7)]
    assert told == [2, 3, 5, 6, 7, 8]
    assert 4 not in [one.floor for one in look_at_facade(spec, SIZE).floors]


def test_an_area_whose_points_are_out_of_order_is_doubted() -> None:
    def doubted(*points: tuple[float, float]) -> bool:
        return any("crosses itself" in told.en for told in look_at_facade(FacadeSpec(polygon=points), SIZE).warnings)

    corners = ((0.0, 0.0), (1900.0, 0.0), (1900.0, 1000.0), (0.0, 1000.0))
    assert not doubted(*corners)
    assert doubted(corners[0], corners[2], corners[1], corners[3])
    assert not doubted(*corners, (400.0, 500.0)), "a corner that points inwards"
    assert not doubted(*corners[:3])
