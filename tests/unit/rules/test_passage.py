"""One barrier: one opening for each vehicle, and none before the loop has cleared."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edgeguard.core.gate import Way
from edgeguard.core.gate_limits import GATE_LOOP_STUCK_MS, GATE_SAME_MS, GATE_WAITING_MS
from edgeguard.rules.passage import (
    News,
    Passage,
    Phase,
    Told,
    Vehicle,
    ask,
    failed,
    is_same,
    opened,
    resumed,
    see_loop,
    settled,
    tick,
)

A, B = Vehicle("a", "浙A12345", Way.IN), Vehicle("b", "苏E99999", Way.IN)
FREE = see_loop(Passage(), False, 0)[0]


def words(news: News) -> list[tuple[str, str]]:
    return [(told.value, "" if vehicle is None else vehicle.id) for told, vehicle in news]


def test_a_vehicle_goes_through_and_the_next_one_waits_for_the_loop() -> None:
    passage, news = ask(FREE, A, 0)
    assert words(news) == [("open", "a")]
    passage, news = ask(passage, B, 100)
    assert news == ()
    passage, _ = opened(passage, A, 200, has_loop=True)
    passage, _ = see_loop(passage, True, 1000)
    assert tick(passage, 1500, 30_000)[1] == ()
    passage, news = see_loop(passage, False, 3000)
    assert words(news) == [("passed", "a")]
    passage, news = tick(passage, 3100, 30_000)
    assert words(news) == [("open", "b")]


def test_a_quick_vehicle_may_be_through_before_the_relay_has_answered() -> None:
    passage, _ = ask(FREE, A, 0)
    passage, _ = see_loop(passage, True, 50)
    passage, news = see_loop(passage, False, 400)
    assert words(news) == [("passed", "a")]
    assert opened(passage, A, 500, has_loop=True) == (passage, ())


def test_who_does_not_come_is_told_and_holds_up_nobody() -> None:
    passage, _ = ask(FREE, A, 0)
    passage, _ = opened(passage, A, 100, has_loop=True)
    assert tick(passage, 30_099, 30_000)[1] == ()
    passage, news = tick(passage, 30_100, 30_000)
    assert words(news) == [("not-passed", "a")]
    assert passage.phase is Phase.IDLE


def test_without_a_loop_a_vehicle_counts_as_through_when_it_was_let_in() -> None:
    passage, _ = ask(Passage(), A, 0)
    passage, news = opened(passage, A, 100, has_loop=False)
    assert words(news) == [("passed", "a")]


def test_right_behind_another_is_tailgating() -> None:
    passage, _ = ask(FREE, A, 0)
    passage, _ = opened(passage, A, 100, has_loop=True)
    passage, _ = see_loop(passage, True, 1000)
    passage, _ = see_loop(passage, False, 3000)
    passage, news = see_loop(passage, True, 4000)
    assert words(news) == [("tailgated", "")]
    assert words(see_loop(see_loop(FREE, True, 4000)[0], False, 5000)[1]) == []


def test_a_stuck_loop_is_told_once_and_when_it_is_free() -> None:
    passage, _ = see_loop(Passage(), True, 0)
    passage, news = tick(passage, GATE_LOOP_STUCK_MS, 30_000)
    assert words(news) == [("loop-stuck", "")]
    assert tick(passage, GATE_LOOP_STUCK_MS + 1000, 30_000)[1] == ()
    assert words(see_loop(passage, False, GATE_LOOP_STUCK_MS + 2000)[1]) == [("loop-free", "")]


def test_nobody_waits_for_ever() -> None:
    passage, _ = see_loop(Passage(), True, 0)
    passage, news = ask(passage, A, 0)
    assert news == ()
    passage, news = tick(passage, GATE_WAITING_MS, 30_000)
    assert words(news) == [("not-waited", "a")]
    assert passage.waiting == ()


def test_a_failed_opening_leaves_the_barrier_to_the_next() -> None:
    passage, _ = ask(FREE, A, 0)
    passage = failed(passage, A)
    assert words(ask(passage, B, 1)[1]) == [("open", "b")]


def test_an_opening_that_never_ends_does_not_hold_up_the_gate() -> None:
    passage, _ = ask(FREE, A, 0)
    assert tick(passage, 30_000 + GATE_WAITING_MS - 1, 30_000)[1] == ()
    passage, news = tick(passage, 30_000 + GATE_WAITING_MS, 30_000)
    assert (words(news), passage.phase) == ([("not-passed", "a")], Phase.IDLE)


def test_the_same_vehicle_is_told_by_its_plate() -> None:
    passage, _ = ask(FREE, A, 0)
    assert is_same(passage, "浙A12345", 1, exact=True)
    assert is_same(passage, "浙A12346", 1, exact=False)
    assert not is_same(passage, "浙A12346", 1, exact=True)
    passage, _ = opened(passage, A, 2, has_loop=False)
    assert is_same(passage, "浙A12345", 2 + GATE_SAME_MS, exact=True)
    assert not is_same(passage, "浙A12345", 3 + GATE_SAME_MS, exact=True)


class Barrier(RuleBasedStateMachine):
    """Whatever comes in whatever order, the daemon's death included: nobody is let in twice or counted twice, and nobody is let in
    while another is between opening and clearing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.passage, self.now_ms, self.number = FREE, 0, 0
        self.open: Vehicle | None = None
        self.let_in: list[str] = []
        self.through: list[str | None] = []

    def hear(self, step: tuple[Passage, News]) -> None:
        self.passage, news = step
        for told, vehicle in news:
            if told is Told.OPEN:
                assert vehicle is not None
                assert self.open is None
                assert self.passage.loop is not True
                assert vehicle.id not in self.let_in
                self.let_in.append(vehicle.id)
                self.open = vehicle
            elif told in (Told.PASSED, Told.PASSED_UNSEEN, Told.NOT_PASSED, Told.UNSEEN):
                assert vehicle == self.open
                assert vehicle is not None
                assert vehicle.plate not in self.through
                self.through.append(vehicle.plate)
                self.open = None

    @rule(after=st.integers(1, 8000))
    def time(self, after: int) -> None:
        self.now_ms += after
        self.hear(tick(self.passage, self.now_ms, 30_000))

    @rule()
    def comes(self) -> None:
        self.number += 1
        self.hear(ask(self.passage, Vehicle(str(self.number), str(self.number), Way.IN), self.now_ms))

    @rule(same_boot=st.booleans())
    def killed(self, same_boot: bool) -> None:
        self.hear(resumed(settled(self.passage, self.now_ms), self.now_ms, same_boot=same_boot, has_loop=True))

    @rule()
    def reads_again(self) -> None:
        """The camera reads the vehicle that was let in when the daemon died: it is the same one, and opened for at once."""
        before = self.open
        if self.passage.phase is Phase.RESUMED and before is not None and self.passage.loop is not True:
            self.number, self.open = self.number + 1, None
            self.hear(ask(self.passage, replace(before, id=str(self.number)), self.now_ms))
            assert self.open is not None

    @rule(works=st.booleans())
    def relay(self, works: bool) -> None:
        if self.open is None or self.passage.phase is not Phase.OPENING:
            return
        if works:
            self.hear(opened(self.passage, self.open, self.now_ms, has_loop=True))
        else:
            self.passage, self.open = failed(self.passage, self.open), None

    @rule(loop=st.sampled_from([True, False, None]))
    def loop(self, loop: bool | None) -> None:
        self.hear(see_loop(self.passage, loop, self.now_ms))

    @invariant()
    def one_at_a_time(self) -> None:
        assert (self.passage.phase is Phase.IDLE) == (self.open is None)
        assert len(self.passage.waiting) <= 3


Barrier.TestCase.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
TestBarrier = Barrier.TestCase
