"""A barrier in the simulator: up when its relay closes, a car over the loop, down again."""

from edgeguard.core.ids import PointName
from edgeguard.simulator.barrier import Barrier

ARM, LOOP = PointName("input_1"), PointName("input_2")


def test_a_car_goes_through_after_the_relay_was_closed_and_letting_go_changes_nothing() -> None:
    barrier = Barrier(0, ARM, LOOP)
    assert barrier.shown(100.0) == {ARM: False, LOOP: False}
    barrier.written(0, [1], 100.0)
    barrier.written(0, [0], 100.5)
    seen = [tuple(barrier.shown(100.0 + s).values()) for s in (0.2, 1.0, 3.0, 5.0, 6.0)]
    assert seen == [(False, False), (True, False), (True, True), (True, False), (False, False)]


def test_another_output_is_another_matter() -> None:
    barrier = Barrier(2, ARM, None)
    barrier.written(0, [1, 1], 5.0)
    assert barrier.shown(6.0) == {ARM: False}
    barrier.written(1, [0, 1], 5.0)
    assert barrier.shown(6.0) == {ARM: True}
