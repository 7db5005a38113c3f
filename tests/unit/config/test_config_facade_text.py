"""A facade written as text is the same facade when it is read."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeguard.config.facade import facade_of, facade_to_mend
from edgeguard.config.facade_text import facade_text
from edgeguard.core.errors import ConfigError
from edgeguard.core.facade import FacadeSpec, FloorLine, Mount
from edgeguard.testing.examples import examples

px = st.integers(-200, 20_000).map(lambda tenths: tenths / 10)
spots = st.tuples(px, px)
polygons = st.lists(spots, min_size=3, max_size=6).map(tuple)
lines = st.lists(st.tuples(spots, spots), min_size=3, max_size=5).map(
    lambda ends: tuple(FloorLine(i - 2, start, end) for i, (start, end) in enumerate(ends))
)
mounts = st.builds(
    Mount, st.sampled_from([0.0, 38.25]), st.sampled_from([900.0, 1800.5]), st.just(18.5), st.sampled_from([0.0, 3.2])
)
facades = st.builds(
    FacadeSpec,
    size=st.none() | st.just((1920, 1080)),
    fps=st.none() | st.sampled_from([12.5, 25.0]),
    polygon=st.just(()) | polygons,
    masks=st.lists(polygons, max_size=3).map(tuple),
    storey_m=st.sampled_from([3.0, 2.85]),
    ground_floor=st.sampled_from([0, 1, -2]),
    skipped_floors=st.sampled_from([(), (299,), (-9, 300)]),
    columns=st.lists(px, max_size=4, unique=True).map(lambda found: tuple(sorted(found))),
    first_column=st.sampled_from([1, 7]),
    slow_falls=st.booleans(),
)


@given(plain=facades, ruled=lines, mount=mounts, kind=st.integers(0, 3))
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_there_and_back(tmp_path: Path, plain: FacadeSpec, ruled: tuple[FloorLine, ...], mount: Mount, kind: int) -> None:
    extra = ({}, {"lines": ruled}, {"lines": ruled, "focal_px": 1800.5}, {"mount": mount})[kind]
    spec = FacadeSpec(**{name: getattr(plain, name) for name in FacadeSpec.__slots__} | extra)
    path = tmp_path / "facade.toml"
    path.write_text(facade_text(spec), encoding="utf-8")
    assert facade_to_mend(path) == spec


def test_what_a_page_says_is_judged_as_a_file_is() -> None:
    assert facade_of({"facade": {"size": [640, 360], "columns": [10, 20.5]}}, "page").columns == (10, 20.5)
    with pytest.raises(ConfigError) as error:
        facade_of({"facade": {"columns": [20, 10], "focal_px": 900, "colour": 1}, "other": {}}, "page")
    said = "\n".join(error.value.mistakes)
    for piece in ("page:1: other", "facade.columns: must go", "facade.focal_px: belongs to floor lines", "facade.colour"):
        assert piece in said, said
