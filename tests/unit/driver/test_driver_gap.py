"""The pause that a device needs between its answer and the next request: learned from what it does not answer, and no more."""

import tomllib

from driver_site import Site, row, virtual
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.bus import LineCost
from edgeguard.core.limits import GAP_EVIDENCE
from edgeguard.core.profile import Cjt188Limits, ModbusLimits
from edgeguard.driver.gap import GAP_STEPS_S, Gap
from edgeguard.driver.learned import LearnedLimits, Learner, profile_lines

FAR_APART = row(0, 1, 500, 501, 900)
"""Three reads a round."""


def rounds(gap: Gap, needs_s: float, count: int, configured_s: float = 0.0) -> int:
    """`count` rounds of two requests to a device that needs this pause; how many requests it did not hear."""
    missed = 0
    for _ in range(count):
        gap.note(2.0, answered=True)
        quick_s = max(configured_s, gap.silence_s)
        heard = quick_s >= needs_s
        gap.note(quick_s, answered=heard)
        missed += not heard
    return missed


def test_the_shortest_pause_that_helps_is_kept() -> None:
    for needs_s, learned_s in ((0.0, 0.0), (0.004, 0.01), (0.015, 0.02), (0.03, 0.05)):
        gap = Gap()
        rounds(gap, needs_s, 40)
        assert gap.proved_s == gap.silence_s == learned_s
        assert rounds(gap, needs_s, 40) == 0


def test_what_is_configured_is_not_tried_again() -> None:
    gap = Gap(0.02)
    assert rounds(gap, 0.03, 40, 0.02) == GAP_EVIDENCE
    assert gap.proved_s == 0.05


def test_a_request_that_is_never_answered_is_no_reason_for_a_pause() -> None:
    gap = Gap()
    missed = rounds(gap, 9.0, 100)
    assert (gap.silence_s, gap.proved_s, missed) == (0.0, 0.0, 100)


def test_what_had_helped_before_stays_when_more_does_not_help() -> None:
    gap = Gap()
    gap.recall(0.02)
    rounds(gap, 9.0, 100)
    assert (gap.silence_s, gap.proved_s) == (0.02, 0.02)


def test_a_dead_device_and_a_bad_line_teach_nothing() -> None:
    dead, noisy = Gap(), Gap()
    for i in range(200):
        dead.note((0.004, 2.0)[i % 2], answered=False)
        noisy.note((0.004, 2.0)[i % 2], answered=i % 4 < 2)
    assert dead.silence_s == noisy.silence_s == 0.0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans()), max_size=200), st.sampled_from((0.0, 0.015, 0.2)))
def test_whatever_happens_only_steps_are_kept(passed: list[tuple[float, bool]], configured_s: float) -> None:
    gap = Gap(configured_s)
    for since_s, answered in passed:
        gap.note(since_s, answered)
        assert gap.silence_s in (0.0, *GAP_STEPS_S)
        assert gap.silence_s == 0.0 or gap.silence_s > configured_s
        assert gap.proved_s in (0.0, *GAP_STEPS_S)


def test_a_device_that_is_deaf_after_its_answer_is_given_time_and_loses_nothing_more() -> None:
    site = Site(FAR_APART, cost=LineCost(10 / 9600, 0.01))
    site.unit.busy_s = 0.015

    async def story() -> None:
        for _ in range(12):
            site.clock.advance(1.0)
            await site.device.poll()
        assert isinstance(site.device, Learner)
        assert site.device.learned.gap_ms == 20
        retries, faults = site.device.stats.retries, sum(site.device.stats.faults.values())
        assert 2 * GAP_EVIDENCE <= faults == retries
        for _ in range(5):
            site.clock.advance(1.0)
            snapshot = await site.device.poll()
            assert list(snapshot.outcomes) == [0] * 5
        assert (site.device.stats.retries, sum(site.device.stats.faults.values())) == (retries, faults)

        again = site.another(site.device.name, 3)
        assert isinstance(again, Learner)
        again.recall(site.device.learned)
        for _ in range(3):
            assert list((await again.poll()).outcomes) == [0] * 5
        assert again.stats.faults == {}

    virtual(site, story)


def test_the_pause_becomes_a_line_of_the_profile() -> None:
    for limits in (ModbusLimits(), Cjt188Limits(delay_ms=10)):
        assert tomllib.loads("\n".join(profile_lines(LearnedLimits(gap_ms=20.0), limits))) == {"delay": "20ms"}
    assert profile_lines(LearnedLimits(gap_ms=20.0), ModbusLimits(delay_ms=20)) == []
