"""Throws that several cameras of one wall have seen: joined by time and column, told once, kept over a restart."""

from dataclasses import replace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.camera_limits import THROW_MEMORY_MS, THROW_WAIT_MS, THROWS_REMEMBERED
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.throw import FallSighting, Throw
from edgeguard.rules.throws import ThrowState, due, known, recall, state_of, take, throw_item
from edgeguard.testing.examples import examples
from edgeguard.testing.messages import check_item

CAMERAS = {"east": 2}


def stamp(ms: int, boot: str = "boot") -> Stamp:
    return Stamp(1_795_000_000_000 + ms, 500_000 + ms, BootId(boot), True)


def sighting(
    camera: str, start_ms: int, *, column: int | None = 4, floor: int | None = 12, lasts_ms: int = 1500, **facts: object
) -> FallSighting:
    body: dict[str, object] = {
        "camera": camera,
        "confidence": 0.8,
        "duration_s": lasts_ms / 1000,
        "calibrated": floor is not None,
        "origin": [1.0, 2.0],
        "end": [3.0, 4.0],
        "evidence": None,
        **({} if floor is None else {"floor": floor, "height_m": 33.0, "column": column}),
        **facts,
    }
    return FallSighting(camera, f"{camera}-{start_ms}", stamp(start_ms), lasts_ms, column, floor, body)  # type: ignore[arg-type]


def told(*seen: tuple[FallSighting, int], until_ms: int = 60_000, step_ms: int = 1000) -> list[dict[str, object]]:
    """The events that come of sightings that arrive at given moments, looked at once a second."""
    state, events = ThrowState(), []
    waiting = sorted(seen, key=lambda one: one[1])
    for now_ms in range(0, until_ms, step_ms):
        while waiting and waiting[0][1] <= now_ms:
            state, _ = take(state, "east", waiting.pop(0)[0], stamp(now_ms))
        state, ready, _ = due(state, CAMERAS, stamp(now_ms))
        for throw in ready:
            item = throw_item(throw)
            check_item(item.stream, item.body)
            events.append(orjson.loads(item.body))
    return events


def test_cameras_beside_each_other_tell_one_throw() -> None:
    (event,) = told((sighting("a", 1000, floor=12), 7500), (sighting("b", 1300, floor=13, confidence=0.95), 8000))
    assert (event["camera"], event["floor"], event["confidence"]) == ("b", 13, 0.95), "who saw it higher knows where it began"
    assert event["id"] == "a-1000"
    assert [one["camera"] for one in event["also"]] == ["a"]  # type: ignore[attr-defined]
    assert event["duration_s"] == 1.8
    assert "revision" not in event


def test_cameras_above_each_other_see_it_one_after_the_other() -> None:
    """The lower camera begins when it comes into its view, and takes the column's neighbour for its own."""
    upper = sighting("a", 0, floor=30, lasts_ms=1400)
    lower = sighting("b", 2400, floor=14, column=5, lasts_ms=900)
    (event,) = told((upper, 6400), (lower, 8300))
    assert (event["floor"], event["duration_s"]) == (30, 3.3)


def test_what_is_not_the_same_stays_apart() -> None:
    begun = sighting("a", 0)
    others = {
        "another column": sighting("b", 0, column=6),
        "too late": sighting("b", 4000),
        "higher, though later": sighting("b", 900, floor=20),
        "the same camera": replace(sighting("a", 300), id="x"),
        "no column and not at once": sighting("b", 2300, column=None, floor=None),
    }
    for why, other in others.items():
        assert len(told((begun, 1000), (other, 1500))) == 2, why
    (event,) = told((begun, 1000), (sighting("b", 1200, column=None, floor=None), 1500))
    assert event["floor"] == 12, "without a column the same moment joins"


def test_two_throws_that_both_cameras_see_are_two() -> None:
    events = told(
        (sighting("a", 0, floor=20), 6500),
        (sighting("a", 1000, floor=10), 7500),
        (sighting("b", 1050, floor=10), 7600),
        (sighting("b", 80, floor=20), 7700),
    )
    assert [(event["floor"], len(event["also"])) for event in events] == [(20, 1), (10, 1)]  # type: ignore[arg-type]


def test_the_first_waits_and_a_late_one_is_a_revision() -> None:
    first, late = sighting("a", 0), sighting("b", 100)
    events = told((first, 6000), (late, 40_000))
    assert [event.get("revision") for event in events] == [None, 2]
    assert events[0]["id"] == events[1]["id"]
    assert "also" not in events[0]
    assert "also" in events[1]
    state, _ = take(ThrowState(), "east", first, stamp(6000))
    assert not due(state, CAMERAS, stamp(6000 + THROW_WAIT_MS - 1))[1]
    assert due(state, CAMERAS, stamp(6000 + THROW_WAIT_MS))[1]
    assert due(state, {"east": 1}, stamp(6000))[1], "where nobody else looks nothing is waited for"


def test_a_restart_in_between_loses_nothing_and_doubles_nothing() -> None:
    state, throw = take(ThrowState(), "east", sighting("a", 0), stamp(6000))
    again = recall([state_of(throw).body])
    assert again == state
    assert known(again, "a", "a-0")
    assert not known(again, "b", "a-0")
    (ready,) = due(again, CAMERAS, stamp(90_000, "next boot"))[1]
    assert throw_item(ready).at == stamp(0)
    after = recall([state_of(replace(ready)).body])
    assert not due(after, CAMERAS, stamp(91_000, "next boot"))[1], "it has been told"
    joined, whole = take(after, "east", replace(sighting("b", 200), at=stamp(200, "yet another")), stamp(95_000, "next boot"))
    assert (whole.told, len(whole.sightings)) == (1, 2), "across boots the wall clock joins"
    assert due(joined, CAMERAS, stamp(95_000, "next boot"))[1][0].told == 2


def test_what_is_over_is_forgotten_and_never_too_much_is_kept() -> None:
    state = ThrowState()
    for n in range(THROWS_REMEMBERED + 5):
        state, _ = take(state, "east", sighting("a", 100_000 * n), stamp(1000))
    state, ready, gone = due(state, CAMERAS, stamp(1000))
    assert len(ready) == 5, "too many to wait for: the oldest are told at once"
    assert len(state.throws) == THROWS_REMEMBERED
    assert {throw.id for throw in gone} == {throw.id for throw in ready}
    state, ready, gone = due(state, CAMERAS, stamp(1000 + THROW_MEMORY_MS))
    assert len(ready) == THROWS_REMEMBERED
    assert state_of(gone[0], forgotten=True).body == b""
    assert not state.throws


@given(
    starts=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 8000), st.sampled_from([None, 3, 4, 9])), max_size=8),
    data=st.data(),
)
@settings(max_examples=examples(40), deadline=None)
def test_every_sighting_is_in_exactly_one_throw_and_no_throw_has_a_camera_twice(
    starts: list[tuple[str, int, int | None]], data: st.DataObject
) -> None:
    seen = [replace(sighting(camera, start, column=column), id=str(n)) for n, (camera, start, column) in enumerate(starts)]
    state = ThrowState()
    for one in data.draw(st.permutations(seen)):
        state, _ = take(state, "east", one, stamp(9000))
    ready: tuple[Throw, ...] = due(state, CAMERAS, stamp(9000 + THROW_WAIT_MS))[1]
    assert sorted(one.id for throw in ready for one in throw.sightings) == sorted(one.id for one in seen)
    for throw in ready:
        cameras = [one.camera for one in throw.sightings]
        assert len(cameras) == len(set(cameras))
