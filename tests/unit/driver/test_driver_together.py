"""Several points of one device in one command: together where they are neighbours, and exactly told where they come apart."""

from collections.abc import Mapping
from typing import Any

import pytest
from driver_site import Site, number, virtual

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.core.errors import WriteRefused
from edgeguard.core.fate import Fate, together
from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Value, WriteRule
from edgeguard.core.register import RawType, Table
from edgeguard.driver import Device, WriteResult, write_all
from edgeguard.testing.bus import FakeUnit

RULE = WriteRule(minimum=0, maximum=50)
POINTS = [
    number("low", 10, write=RULE),
    number("high", 11, write=RULE),
    number("far", 90, write=RULE),
    number("name", 100, RawType.STRING, kind=Kind.TEXT, write=WriteRule()),
    number("flag_a", 40, kind=Kind.BOOLEAN, bits=(0, 0), write=WriteRule()),
    number("flag_b", 40, kind=Kind.BOOLEAN, bits=(3, 3), write=WriteRule()),
]
POINTS[3] = (POINTS[3][0], type(POINTS[3][1])(Table.HOLDING, 100, RawType.STRING, 4))


async def write(site: Site, **values: Value) -> dict[str, WriteResult]:
    results = await write_all(site.device, {PointName(name): value for name, value in values.items()})
    return {str(name): result for name, result in results.items()}


def fates(results: Mapping[str, WriteResult]) -> dict[str, Fate]:
    return {name: result.fate for name, result in results.items()}


def test_neighbours_are_one_request_and_one_reading_back() -> None:
    site = Site(POINTS)

    async def story() -> None:
        results = await write(site, high=4, low=3)
        assert fates(results) == {"high": Fate.DONE, "low": Fate.DONE}
        assert [pdu.hex() for pdu in site.writes] == ["10000a00020400030004"]
        assert site.reads == [(10, 2)]

    virtual(site, story)


def test_texts_and_bits_of_one_register() -> None:
    site = Site(POINTS)
    site.unit.set(Table.HOLDING, 40, 0x00F1)

    async def story() -> None:
        results = await write(site, name="gate", flag_a=False, flag_b=True)
        assert fates(results) == dict.fromkeys(("name", "flag_a", "flag_b"), Fate.DONE)
        assert site.unit.get(Table.HOLDING, 40) == [0x00F8]
        assert [pdu[0] for pdu in site.writes] == [16, 22]
        assert results["name"].read_back == "gate"

    virtual(site, story)


def test_one_bad_value_and_nothing_is_sent() -> None:
    site = Site(POINTS)

    async def story() -> None:
        with pytest.raises(WriteRefused, match="far: 51 is above 50"):
            await write(site, low=3, far=51)
        assert site.bus.sent == []

    virtual(site, story)


def test_after_one_is_refused_the_rest_is_not_sent() -> None:
    site = Site(POINTS)
    site.unit.refused.add((Table.HOLDING, 90))

    async def story() -> None:
        results = await write(site, low=3, far=4, name="x")
        assert fates(results) == {"low": Fate.DONE, "far": Fate.REFUSED, "name": Fate.NOT_SENT}
        assert together(fates(results).values()) is Fate.HALF_DONE
        assert "the device refuses the write with exception 2" in results["far"].detail
        assert results["name"].detail == "not sent, because an earlier write went wrong"
        assert len(site.writes) == 2

    virtual(site, story)


def test_after_one_is_lost_the_rest_is_not_sent_and_what_the_device_shows_is_told() -> None:
    site = Site(POINTS)

    async def story() -> None:
        site.unit.script.append(None)
        results = await write(site, low=3, high=4, far=5)
        assert fates(results) == {"low": Fate.LOST, "high": Fate.LOST, "far": Fate.NOT_SENT}
        assert together(fates(results).values()) is Fate.LOST
        assert "wrote 3, read back 0" in results["low"].detail

    virtual(site, story)


class _Mute(FakeUnit):
    """Does what it is told and does not confirm it."""

    def answer(self, pdu: bytes) -> bytes | None:
        answer = super().answer(pdu)
        return None if pdu[0] > 4 else answer


def test_an_answer_that_is_lost_of_a_write_that_was_taken_is_done_by_what_is_read() -> None:
    site = Site(POINTS)
    site.bus.units[3] = _Mute()

    async def story() -> None:
        results = await write(site, low=3, high=4, far=5)
        assert fates(results) == {"low": Fate.DONE, "high": Fate.DONE, "far": Fate.NOT_SENT}
        assert "the answer was lost" in results["low"].detail
        assert together(fates(results).values()) is Fate.HALF_DONE

    virtual(site, story)


class _Half(FakeUnit):
    """Takes the first register of several, and `confirms` all of them or none."""

    confirms = True

    def answer(self, pdu: bytes) -> bytes | None:
        if pdu[0] != 16:
            return super().answer(pdu)
        self.set(Table.HOLDING, int.from_bytes(pdu[1:3]), int.from_bytes(pdu[6:8]))
        return pdu[:5] if self.confirms else None


@pytest.mark.parametrize(("confirms", "second"), [(True, Fate.UNVERIFIED), (False, Fate.LOST)])
def test_of_one_request_that_was_half_carried_out_each_half_is_told_as_what_it_is(confirms: bool, second: Fate) -> None:
    site = Site(POINTS)
    site.bus.units[3] = unit = _Half()
    unit.confirms = confirms

    async def story() -> None:
        results = await write(site, low=3, high=4)
        assert fates(results) == {"low": Fate.DONE, "high": second}
        assert together(fates(results).values()) is Fate.HALF_DONE
        assert "wrote 4, read back 0" in results["high"].detail

    virtual(site, story)


def test_a_device_that_takes_one_register_at_a_time_gets_them_so() -> None:
    site = Site(POINTS)
    site.unit.unknown.add(16)

    async def story() -> None:
        assert set(fates(await write(site, low=3, high=4)).values()) == {Fate.DONE}
        assert [pdu[0] for pdu in site.writes] == [16, 6, 6]

    virtual(site, story)


def test_a_device_that_takes_the_first_alone_is_half_done() -> None:
    site = Site(POINTS)
    site.unit.unknown.add(16)
    site.unit.refused.add((Table.HOLDING, 11))

    async def story() -> None:
        results = await write(site, low=3, high=4)
        assert fates(results) == {"low": Fate.DONE, "high": Fate.REFUSED}
        assert site.unit.get(Table.HOLDING, 10, 2) == [3, 0]

    virtual(site, story)


def test_when_nothing_was_carried_out_the_error_tells_it() -> None:
    site = Site(POINTS)

    async def story() -> None:
        site.unit.script.append(6)
        with pytest.raises(ExchangeFailed, match="busy"):
            await write(site, low=3, far=4)
        site.bus.disconnect()
        with pytest.raises(ExchangeFailed) as caught:
            await write(site, low=3, far=4)
        assert not caught.value.sent

    virtual(site, story)


def test_what_is_not_allowed_any_more_when_its_turn_comes_is_not_sent() -> None:
    site = Site(POINTS)

    async def story() -> None:
        asked = 0

        def still() -> str:
            nonlocal asked
            asked += 1
            return "" if asked < 2 else "the pump runs"

        both = {PointName("low"): 3, PointName("far"): 4}
        results = await write_all(site.device, both, still=still)
        assert [result.fate for result in results.values()] == [Fate.DONE, Fate.REFUSED]
        assert results[PointName("far")].detail == "the pump runs"
        with pytest.raises(WriteRefused, match="the pump runs"):
            await write_all(site.device, both, still=still)
        only: Any = _OneByOne(site.device)
        with pytest.raises(WriteRefused, match="the pump runs"):
            await write_all(only, both, still=still)
        assert len(site.writes) == 1

    virtual(site, story)


class _OneByOne:
    """A driver that knows only single writes."""

    def __init__(self, device: Device) -> None:
        self._device = device

    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        return await self._device.write(name, value, priority)


def test_a_driver_without_joint_writes_writes_one_by_one_and_stops_at_the_first_trouble() -> None:
    site = Site(POINTS)
    site.unit.refused.add((Table.HOLDING, 11))

    async def story() -> None:
        device: Any = _OneByOne(site.device)
        results = await write_all(device, {PointName("low"): 1, PointName("high"): 2, PointName("far"): 3})
        assert [result.fate for result in results.values()] == [Fate.DONE, Fate.REFUSED, Fate.NOT_SENT]
        with pytest.raises(WriteRefused):
            await write_all(device, {PointName("high"): 2, PointName("far"): 3})

    virtual(site, story)


@pytest.mark.parametrize(
    ("of", "is_"),
    [
        ("done done", "done"),
        ("refused not-sent", "refused"),
        ("not-sent not-sent", "not-sent"),
        ("done refused", "half-done"),
        ("unverified not-sent", "half-done"),
        ("done lost not-sent", "half-done"),
        ("lost not-sent", "lost"),
        ("done lost", "half-done"),
        ("done unverified", "half-done"),
        ("lost unverified", "lost"),
        ("unverified unverified", "unverified"),
        ("done done lost unverified", "half-done"),
    ],
)
def test_what_became_of_several_as_one(of: str, is_: str) -> None:
    assert together([Fate(word) for word in of.split()]) is Fate(is_)
