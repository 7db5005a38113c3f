"""Who is inside: pairs of entry and exit, what was missed, and the count, which never lies about what was not seen."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.gate_limits import GATE_STAY_KEPT_MS
from edgeguard.core.ids import BootId
from edgeguard.rules.stays import Happened, Stay, StayNews, ZoneState, corrected, ended, enter, forgotten, leave

CAR, OTHER = "浙A12345", "苏E99999"


def at(ms: int, boot: str = "b", synced: bool = True, wall_ms: int | None = None) -> Stamp:
    return Stamp(1_000_000 + ms if wall_ms is None else wall_ms, ms, BootId(boot), synced)


def come(zone: ZoneState, plate: str | None, when: Stamp) -> tuple[ZoneState, tuple[StayNews, ...]]:
    return enter(zone, plate, Stay(plate or "", when))


def words(news: tuple[StayNews, ...]) -> list[tuple[str, int | None, int]]:
    return [(one.happened.value, one.lasted_ms, one.count) for one in news]


def test_an_entry_and_its_exit_are_a_stay() -> None:
    zone, came = come(ZoneState(), CAR, at(0))
    assert words(came) == [("entered", None, 1)]
    zone, left = leave(zone, CAR, at(90_000))
    assert words(left) == [("left", 90_000, 0)]
    assert zone == ZoneState()


def test_a_missed_exit_has_no_duration_and_counts_once() -> None:
    zone, _ = come(ZoneState(), CAR, at(0))
    zone, news = come(zone, CAR, at(60_000))
    assert words(news) == [("exit-missed", None, 0), ("entered", None, 1)]
    assert news[0].since == at(0)
    assert leave(zone, CAR, at(61_000))[1][0].lasted_ms == 1000


def test_a_missed_entry_is_told_and_not_subtracted() -> None:
    zone, _ = come(ZoneState(), CAR, at(0))
    zone, news = leave(zone, OTHER, at(1))
    assert words(news) == [("entry-missed", None, 1)]


def test_who_came_unread_and_leaves_read_is_counted_out() -> None:
    zone, _ = come(ZoneState(), None, at(0))
    assert zone.count == 1
    zone, news = leave(zone, CAR, at(1))
    assert words(news) == [("entry-missed", None, 0)]


def test_who_leaves_unread_and_comes_again_is_one_vehicle() -> None:
    zone, _ = come(ZoneState(), CAR, at(0))
    zone, left = leave(zone, None, at(1))
    assert words(left) == [("left", None, 0)]
    zone, news = come(zone, CAR, at(2))
    assert words(news) == [("exit-missed", None, 0), ("entered", None, 1)]


def test_durations_over_a_restart_need_clocks_that_were_right() -> None:
    zone, _ = come(ZoneState(), CAR, at(5, boot="a", wall_ms=1_000_000))
    assert leave(zone, CAR, at(7, boot="b", wall_ms=1_600_000))[1][0].lasted_ms == 600_000
    assert leave(zone, CAR, at(7, boot="b", wall_ms=1_600_000, synced=False))[1][0].lasted_ms is None
    assert leave(zone, CAR, at(7, boot="b", wall_ms=900_000))[1][0].lasted_ms is None
    # Within a boot a clock that leaps changes nothing.
    assert leave(zone, CAR, at(65, boot="a", wall_ms=1))[1][0].lasted_ms == 60


def test_a_person_corrects() -> None:
    zone, _ = come(ZoneState(), CAR, at(0))
    zone, news = corrected(zone, 7, at(1))
    assert words(news) == [("corrected", None, 7)]
    zone, news = ended(zone, CAR, at(2))
    assert words(news) == [("corrected", None, 6)]
    zone, _ = corrected(zone, 0, at(3))
    assert zone.count == 0


def test_a_stay_that_nobody_ends_is_given_up_at_last() -> None:
    zone, _ = come(ZoneState(), CAR, at(0))
    assert forgotten(zone, at(GATE_STAY_KEPT_MS - 1))[1] == ()
    assert forgotten(zone, at(GATE_STAY_KEPT_MS + 1, synced=False))[1] == ()
    zone, news = forgotten(zone, at(GATE_STAY_KEPT_MS + 1))
    assert words(news) == [("given-up", None, 0)]


MOVES = st.lists(st.tuples(st.booleans(), st.sampled_from([CAR, OTHER, "京A00001", None])), max_size=10)


@settings(max_examples=20, deadline=None)
@given(MOVES)
def test_where_nothing_is_missed_the_count_is_the_count(moves: list[tuple[bool, str | None]]) -> None:
    """Against a set of vehicles: moves that could not have been are left out."""
    zone, really, unread = ZoneState(), set[str](), 0
    for ms, (comes, plate) in enumerate(moves):
        if plate is None:
            if not comes and not unread:
                continue
            unread += 1 if comes else -1
        elif comes == (plate in really):
            continue
        else:
            really ^= {plate}
        zone, news = (come if comes else leave)(zone, plate, at(ms))
        assert zone.count == len(really) + unread == news[-1].count
        assert set(zone.stays) == really
        assert {one.happened for one in news} <= {Happened.ENTERED, Happened.LEFT}


@settings(max_examples=20, deadline=None)
@given(MOVES)
def test_whatever_comes_the_count_is_never_negative_and_every_move_is_told(moves: list[tuple[bool, str | None]]) -> None:
    zone = ZoneState()
    for ms, (comes, plate) in enumerate(moves):
        zone, news = (come if comes else leave)(zone, plate, at(ms))
        assert zone.count >= 0
        assert news
        assert news[-1].count == zone.count
        assert zone.extra >= -len(zone.stays)
