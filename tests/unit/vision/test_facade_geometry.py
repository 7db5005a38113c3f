import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeguard.core.facade import FacadeSpec, FloorLine, Mount
from edgeguard.testing.examples import examples
from edgeguard.vision.facade import inside, plane_of, watched_area

SIZE = (1920, 1080)
mounts = st.builds(Mount, st.floats(5, 50), st.floats(800, 3000), st.floats(8, 40), st.floats(2, 6))


def row_of(mount: Mount, height_m: float) -> float:
    """The row of a height on the facade, by the pinhole itself."""
    angle = math.atan2(height_m - mount.height_m, mount.distance_m) - math.radians(mount.pitch_deg)
    return SIZE[1] / 2 - mount.focal_px * math.tan(angle)


@given(mount=mounts, height_m=st.floats(0, 60))
@settings(max_examples=examples(60))
def test_a_mount_maps_rows_to_heights_as_the_pinhole_does(mount: Mount, height_m: float) -> None:
    plane = plane_of(FacadeSpec(mount=mount), SIZE)
    assert plane is not None
    assert plane.height_m(960, row_of(mount, height_m)) == pytest.approx(height_m, abs=1e-6)


@given(mount=mounts)
@settings(max_examples=examples(60))
def test_three_floor_lines_say_the_same_as_the_mount(mount: Mount) -> None:
    lines = tuple(FloorLine(f, (0, row_of(mount, 3.0 * (f - 1))), (1920, row_of(mount, 3.0 * (f - 1)))) for f in (2, 5, 9))
    plane = plane_of(FacadeSpec(lines=lines), SIZE)
    assert plane is not None
    for floor in range(1, 15):
        place = plane.place(700, row_of(mount, 3.0 * (floor - 1) + 1.2))
        assert place.floor == floor
        assert place.column is None


def test_positions_are_scaled_to_the_picture_at_hand() -> None:
    mount = Mount(20, 1500, 18, 3)
    large, small = (plane_of(FacadeSpec(size=SIZE, mount=mount), size) for size in (SIZE, (640, 360)))
    assert large is not None
    assert small is not None
    assert small.height_m(320, 100) == pytest.approx(large.height_m(960, 300))


def test_the_smallest_visible_thing_grows_with_height() -> None:
    """Figures of a 6 mm lens before 1080p, 18 m away: 10 cm are about 6 px at 30 m and 2 px at 100 m of distance."""
    plane = plane_of(FacadeSpec(mount=Mount(35, 1800, 18, 3)), SIZE)
    assert plane is not None
    rows = [row_of(Mount(35, 1800, 18, 3), height) for height in (3.0, 30.0, 60.0)]
    sizes = [plane.smallest_cm(960, row) for row in rows]
    assert sizes == sorted(sizes)
    assert sizes[0] == pytest.approx(3.0, abs=0.1)


def test_columns_count_from_one() -> None:
    plane = plane_of(FacadeSpec(mount=Mount(20, 1500, 18, 3), columns=(500, 900)), SIZE)
    assert plane is not None
    assert [plane.place(x, 500).column for x in (10, 600, 1500)] == [1, 2, 3]


def test_lines_that_do_not_rise_are_refused() -> None:
    lines = tuple(FloorLine(f, (0, row), (1920, row)) for f, row in ((2, 900), (5, 300), (9, 600)))
    with pytest.raises(ValueError, match="floor lines"):
        plane_of(FacadeSpec(lines=lines), SIZE)


def test_polygon_and_masks_bound_what_is_watched() -> None:
    spec = FacadeSpec(size=(100, 100), polygon=((10, 10), (90, 10), (90, 90), (10, 90)), masks=(((40, 40), (60, 40), (50, 60)),))
    area = watched_area(spec, (200, 100))
    assert area is not None
    assert area[50, 60]
    assert not area[5, 100]
    assert not area[45, 100]
    assert watched_area(FacadeSpec(), (200, 100)) is None


@given(points=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=3, max_size=6))
@example(points=[(0.0, 0.0), (0.0, 2.2e-313), (1.0, 0.0)])
def test_a_polygon_is_the_same_from_every_corner(points: list[tuple[float, float]]) -> None:
    turned = (*points[1:], points[0])
    assert np.array_equal(inside(tuple(points), 30, 30), inside(turned, 30, 30))
