"""Writing a Modbus device: the right function, nothing forbidden on the wire, and an honest word afterwards."""

import asyncio
from typing import Any

import pytest
from driver_site import Site, number, row, virtual

from edgeguard.bus import ExchangeFailed
from edgeguard.core.errors import WriteRefused
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Labels, WriteRule
from edgeguard.core.register import RawType, Table

RULE = WriteRule(minimum=0, maximum=50)
CHOICES = {0: Labels("停", "off"), 2: Labels("开", "on")}
WRITABLE = [
    number("speed", 10, scale=0.1, write=RULE),
    number("energy", 20, RawType.UINT32, write=WriteRule()),
    number("valve", 5, RawType.BIT, Table.COIL, kind=Kind.BOOLEAN, write=WriteRule()),
    number("mode", 30, kind=Kind.TEXT, choices=CHOICES, write=WriteRule()),
    number("flag", 40, bits=(4, 7), write=WriteRule()),
    number("fixed", 50),
    number("sensor", 60, table=Table.INPUT, write=WriteRule()),
    number("level", 70, RawType.FLOAT32, write=WriteRule()),
]


@pytest.mark.parametrize(
    ("name", "value", "sent", "read_back"),
    [
        ("speed", 42.5, "06 000a 01a9", 42.5),
        ("energy", 70000, "10 0014 0002 04 00011170", 70000),
        ("valve", True, "05 0005 ff00", True),
        ("mode", "开", "06 001e 0002", "on"),
        ("flag", 9, "16 0028 ff0f 0090", 9),
        ("level", 230.1, "10 0046 0002 04 4366199a", 230.1),
    ],
)
def test_a_write_takes_the_function_its_field_needs_and_is_read_back(name: str, value: Any, sent: str, read_back: Any) -> None:
    site = Site(WRITABLE)
    site.unit.set(Table.HOLDING, 40, 0xABCD)

    async def story() -> None:
        result = await site.device.write(PointName(name), value)
        assert [pdu.hex() for pdu in site.writes] == [sent.replace(" ", "")]
        assert (result.read_back, result.verified, result.detail) == (read_back, True, "")
        assert result.written == read_back
        if name == "flag":
            assert site.unit.get(Table.HOLDING, 40) == [0xAB9D]

    virtual(site, story)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("speed", 50.1, "is above 50"),
        ("speed", 1.23, "cannot hold 1.23"),
        ("fixed", 1, "meter-1.fixed is read-only"),
        ("sensor", 1, "no writing of inputs"),
        ("mode", "half", "none of off, on"),
    ],
)
def test_what_rules_forbid_is_never_sent(name: str, value: Any, words: str) -> None:
    site = Site(WRITABLE)

    async def story() -> None:
        with pytest.raises(WriteRefused, match=words):
            await site.device.write(PointName(name), value)
        assert site.bus.sent == []

    virtual(site, story)


@pytest.mark.parametrize(("name", "lacking", "used"), [("speed", 6, 16), ("valve", 5, 15)])
def test_a_device_without_the_single_write_gets_the_multiple_one(name: str, lacking: int, used: int) -> None:
    site = Site(WRITABLE)
    site.unit.unknown.add(lacking)

    async def story() -> None:
        assert (await site.device.write(PointName(name), 1)).verified
        assert [pdu[0] for pdu in site.writes] == [lacking, used]

    virtual(site, story)


def test_bits_are_not_written_by_reading_first() -> None:
    site = Site(WRITABLE)
    site.unit.unknown.add(22)

    async def story() -> None:
        with pytest.raises(WriteRefused, match="does not know function 22"):
            await site.device.write(PointName("flag"), 1)
        assert [pdu[0] for pdu in site.writes] == [22]

    virtual(site, story)


def test_the_devices_refusal_is_told_in_its_words() -> None:
    site = Site(WRITABLE)
    site.unit.script.append(3)

    async def story() -> None:
        with pytest.raises(WriteRefused, match=r"meter-1\.speed: the device refuses the write with exception 3, illegal"):
            await site.device.write(PointName("speed"), 1)

    virtual(site, story)


def test_a_busy_device_may_be_asked_again() -> None:
    site = Site(WRITABLE)
    site.unit.script.append(6)

    async def story() -> None:
        with pytest.raises(ExchangeFailed, match="slave device busy"):
            await site.device.write(PointName("speed"), 1)

    virtual(site, story)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (None, "the answer was lost"),
        (4, "may or may not have taken the write"),
        (5, "still working on it"),
        (11, "may or may not have taken the write"),
        (b"\x06\x00\x0a\xff\xff", "the write was not confirmed"),
    ],
)
def test_a_doubtful_write_is_told_as_such_and_read_back(reply: int | bytes | None, words: str) -> None:
    site = Site(WRITABLE)
    site.unit.script.append(reply)

    async def story() -> None:
        result = await site.device.write(PointName("speed"), 1)
        assert words in result.detail
        assert (result.read_back, result.verified) == (0.0, False)
        assert "wrote 1, read back 0.0" in result.detail

    virtual(site, story)


@pytest.mark.parametrize(("reply", "words"), [(None, "the answer was lost"), (4, "slave device failure")])
def test_a_write_that_was_taken_without_a_word_of_it_is_verified(reply: int | None, words: str) -> None:
    site = Site(WRITABLE)
    site.unit.set(Table.HOLDING, 10, 10)
    site.unit.script.append(reply)

    async def story() -> None:
        result = await site.device.write(PointName("speed"), 1)
        assert result.verified
        assert words in result.detail
        assert result.detail.endswith("), but the device shows the value")

    virtual(site, story)


def test_a_device_that_takes_its_time_is_asked_a_second_time() -> None:
    site = Site(WRITABLE)
    site.unit.script.extend([b"\x06\x00\x0a\x00\x0a", b"\x03\x02\x00\x00", b"\x03\x02\x00\x0a"])

    async def story() -> None:
        assert (await site.device.write(PointName("speed"), 1)).verified

    virtual(site, story)


def test_a_write_that_cannot_be_read_back_says_so() -> None:
    site = Site(WRITABLE)
    site.unit.script.extend([b"\x06\x00\x0a\x00\x0a", 4, 4])

    async def story() -> None:
        result = await site.device.write(PointName("speed"), 1)
        assert (result.read_back, result.verified) == (None, False)
        assert "could not be read back (exception: exception 4, slave device failure)" in result.detail

    virtual(site, story)


def test_a_write_without_a_connection_fails_and_says_that_nothing_was_sent() -> None:
    site = Site(WRITABLE)

    async def story() -> None:
        site.bus.connect()
        site.bus.disconnect()
        with pytest.raises(ExchangeFailed) as caught:
            await site.device.write(PointName("speed"), 1)
        assert not caught.value.sent

    virtual(site, story)


def test_a_persons_write_goes_before_the_rest_of_a_round() -> None:
    site = Site([*row(0, 100, 200, 300), number("speed", 400, write=RULE)])
    site.unit.response_s = 0.1

    async def story() -> None:
        round_ = asyncio.create_task(site.device.poll())
        await asyncio.sleep(0.05)
        await site.device.write(PointName("speed"), 7)
        assert [pdu[0] for _, pdu in site.bus.sent[:2]] == [3, 6]
        await round_

    virtual(site, story)


def test_unit_0_which_a_gateway_makes_a_broadcast_is_not_written() -> None:
    site = Site([number("r0", 0, write=WriteRule())])
    everybody = site.another(DeviceName("meter-2"), 0)

    async def story() -> None:
        with pytest.raises(WriteRefused, match=r"meter-2\.r0: unit 0 may be heard by every device behind a gateway"):
            await everybody.write(PointName("r0"), 3)
        assert site.bus.sent == []

    virtual(site, story)
