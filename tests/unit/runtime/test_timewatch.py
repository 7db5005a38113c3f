"""What is told of the wall clock, and when the boot's true time is known."""

from edgeguard.runtime.timewatch import TimeWatch
from edgeguard.testing.clock import FakeClock


def test_a_clock_that_is_right_from_the_start_is_no_news_but_gives_the_offset() -> None:
    clock = FakeClock()
    watch = TimeWatch()
    first = watch.look(clock.now())
    assert first.health is None
    assert first.boot_offset_ms == clock.wall_ms - clock.boot_ms
    clock.advance(10)
    later = watch.look(clock.now())
    assert (later.health, later.boot_offset_ms) == (None, None)


def test_from_1970_to_now_on_first_synchronisation() -> None:
    clock = FakeClock(wall_ms=5_000, synced=False)
    watch = TimeWatch()
    first = watch.look(clock.now())
    assert first.health is not None
    assert (first.health.code, first.boot_offset_ms) == ("unsynced", None)
    clock.advance(3)
    clock.step_wall(1_790_000_000)
    clock.synced = True
    news = watch.look(clock.now())
    assert news.health is not None
    assert news.health.code == "stepped"
    assert news.boot_offset_ms == clock.wall_ms - clock.boot_ms


def test_a_jump_back_is_told_once() -> None:
    clock = FakeClock()
    watch = TimeWatch()
    watch.look(clock.now())
    clock.step_wall(-3600)
    news = watch.look(clock.now())
    assert news.health is not None
    assert (news.health.code, news.health.detail) == ("stepped", "-3600.000 s")
    assert watch.look(clock.now()).health is None


def test_slewing_is_not_a_step_even_if_it_adds_up() -> None:
    clock = FakeClock()
    watch = TimeWatch()
    watch.look(clock.now())
    told = []
    for _ in range(100):
        clock.advance(1)
        clock.step_wall(0.5)
        told.append(watch.look(clock.now()).health)
    assert told == [None] * 100


def test_lost_synchronisation_is_told() -> None:
    clock = FakeClock()
    watch = TimeWatch()
    watch.look(clock.now())
    clock.synced = False
    news = watch.look(clock.now())
    assert news.health is not None
    assert (news.health.code, news.doubtful) == ("unsynced", True)
    assert not watch.look(clock.now()).doubtful


def test_a_start_whose_clock_is_not_set_does_not_go_by_what_an_earlier_one_knew() -> None:
    assert TimeWatch().look(FakeClock(synced=False).now()).doubtful
    assert not TimeWatch().look(FakeClock().now()).doubtful
