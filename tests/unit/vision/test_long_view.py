"""What of a view stays for days, and what of it says that a lens is a little out of focus."""

import numpy as np
from numpy.typing import NDArray

from edgeguard.vision.long_view import LongView, first_view, followed, softer

Grid = NDArray[np.float32]
SHAPE = (36, 64)
SOFTER = 0.25
"""A logarithm; what is told as blurred."""


def edges(seed: int, focus: float = 1.0, share: float = 0.7) -> Grid:
    """How fine the edges of a view are, with those that a look by chance shows finer; some cells have none."""
    rng = np.random.default_rng(seed)
    view = np.random.default_rng(99)
    fine, has = view.uniform(0.3, 0.8, SHAPE), view.random(SHAPE) < share
    return np.asarray(np.where(has, focus * fine * np.exp(rng.normal(0, 0.1, SHAPE)), 0), np.float32)


def seen(view: LongView | None, looks: int, fineness: Grid, relief: float = 5.0) -> LongView:
    maps = (np.full(SHAPE, 1 / 48, np.float32), np.full(SHAPE, relief, np.float32), np.full(SHAPE, 100, np.float32))
    for _ in range(looks):
        view = first_view(*maps, fineness) if view is None else followed(view, *maps, fineness)
    assert view is not None
    return view


def by(view: LongView, fineness: Grid) -> float:
    found = softer(view, fineness)
    assert found is not None
    return found


def test_how_much_softer_all_edges_are_is_told() -> None:
    view = seen(None, 60, edges(1))
    assert abs(by(view, edges(2))) < 0.05
    assert abs(by(view, edges(3, focus=0.6)) + np.log(0.6)) < 0.05


def test_a_crowd_before_a_third_of_the_view_is_not_out_of_focus() -> None:
    view, crowd = seen(None, 60, edges(1)), edges(2)
    crowd[:, :22] *= 0.4
    assert by(view, crowd) < SOFTER / 2
    empty = edges(2)
    empty[24:] = 0
    assert by(view, empty) < SOFTER / 2, "a street without cars"


def test_where_hardly_an_edge_is_seen_nothing_is_said() -> None:
    view, fog = seen(None, 60, edges(1)), edges(2)
    fog[:25] = 0
    assert softer(view, fog) is None
    fog[:33] = 0
    assert abs(softer(view, fog, by_few=True) or 1.0) < 0.1, "what fog leaves is as fine as ever"
    fog[:] = 0
    assert softer(view, fog, by_few=True) is None
    assert softer(seen(None, 60, edges(1, share=0.03)), edges(2, focus=0.5, share=0.03)) is None, "a view of the sky"


def test_focus_that_is_lost_within_days_is_not_learned() -> None:
    view = seen(None, 700, edges(1))
    for step in range(200):
        view = seen(view, 20, edges(step, focus=1 - 0.002 * step))
    assert by(view, edges(500, focus=0.6)) > 0.45
    assert by(view, edges(500)) < 0.05


def test_a_day_of_rain_is_no_measure() -> None:
    view = seen(seen(None, 700, edges(1, focus=0.8)), 4000, edges(2))
    assert by(view, edges(3)) < 0.0, "sharper than what it began with"
    assert by(view, edges(3, focus=0.8)) < 0.1


def test_what_is_seen_for_an_hour_is_hardly_learned() -> None:
    view = seen(seen(None, 600, edges(1)), 3600, edges(1), relief=0.0)
    assert view.relief.min() > 4.9
