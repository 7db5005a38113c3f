"""A DL/T 645 meter through its driver: few requests, blocks or single items, refusals remembered, and never a false value."""

from dataclasses import replace
from pathlib import Path

import pytest
from meter_site import METER, MeterSite, electric, relay, seen, virtual

from edgeguard.bus import ExchangeFailed, Priority, Request
from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.errors import WriteRefused
from edgeguard.core.fate import Fate
from edgeguard.core.ids import AlarmName, PointName
from edgeguard.core.limits import REFUSAL_KEPT_S
from edgeguard.core.meter import Edition
from edgeguard.core.point import Labels
from edgeguard.core.profile import Dlt645Limits
from edgeguard.core.quality import Reason
from edgeguard.driver import WriteResult, build_device
from edgeguard.driver.learned import Learner
from edgeguard.testing.meters import FakeElectricMeter, MeterBus

VOLTS = {"0201FF00": bytes.fromhex("97 22 62 22 00 00")}
SINGLE_VOLTS = {"02010100": b"\x97\x22", "02010200": b"\x62\x22"}
ENERGY = "93 30 02 00 00 00 00 00 00 00 00 00 76 21 02 00 17 09 00 00"
"""E24 to E26: 230.93 kWh, of which tariff 3 has 221.76 and tariff 4 9.17."""


def reads(meter: FakeElectricMeter) -> list[str]:
    return [pdu[1:5][::-1].hex().upper() for pdu in meter.asked]


def test_items_of_a_block_are_one_request() -> None:
    meter = FakeElectricMeter(METER, VOLTS | {"02800002": b"\x03\x50"})
    site = MeterSite([electric("02010100"), electric("02800002"), electric("02010200")], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [229.7, 50.03, 226.2]
        assert reads(meter) == ["0201FF00", "02800002"]
        assert site.device.requests_per_round == 2

    virtual(site, story)


def test_what_alarms_watch_is_asked_for_first_and_before_other_devices_routine() -> None:
    meter = FakeElectricMeter(METER, {"02800002": b"\x03\x50", "02010100": b"\x97\x22", "00010000": bytes(4)})
    asked: list[Priority] = []

    class Watched(MeterBus):
        async def exchange(self, request: Request) -> bytes:
            asked.append(request.priority)
            return await super().exchange(request)

    places = [electric("00010000"), electric("02010100"), electric("02800002")]
    site = MeterSite(places, meter, limits=Dlt645Limits(blocks=False), bus=Watched(meter))
    low, point = Labels("低", "low"), PointName("d02800002_0")
    rule = AlarmRule(AlarmName("low"), site.device.name, Condition.LOW, Severity.MAJOR, low, point, 49.5)
    device = build_device(replace(site.device.spec, alarms=(rule,)), site.bus, site.clock)

    async def story() -> None:
        for first in (Priority.ROUTINE, Priority.ALARM):  # a stranger does not go before those that answer
            assert seen(await device.poll()) == [0, 229.7, 50.03]
            assert reads(meter) == ["02800002", "00010000", "02010100"]
            assert asked == [first, Priority.ROUTINE, Priority.ROUTINE]
            meter.asked.clear()
            asked.clear()

    virtual(site, story)


def test_a_refused_block_is_taken_apart_at_once_and_for_good() -> None:
    meter = FakeElectricMeter(METER, dict(SINGLE_VOLTS))
    site = MeterSite([electric("02010100"), electric("02010200"), electric("02010300")], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [229.7, 226.2, Reason.REFUSED]
        assert reads(meter) == ["0201FF00", "02010100", "02010200", "02010300"]
        assert list(site.device.refused) == ["d02010300_0"]
        meter.asked.clear()
        assert seen(await site.device.poll()) == [229.7, 226.2, Reason.REFUSED]
        assert reads(meter) == ["02010100", "02010200"]
        site.clock.advance(REFUSAL_KEPT_S)
        meter.asked.clear()
        meter.data["02010300"] = b"\x00\x00"
        assert seen(await site.device.poll()) == [229.7, 226.2, 0]
        assert not site.device.refused

    virtual(site, story)


def test_what_a_meter_refuses_is_not_asked_again_after_a_restart() -> None:
    meter = FakeElectricMeter(METER, dict(SINGLE_VOLTS))
    site = MeterSite([electric("02010100"), electric("02010300")], meter)
    again = MeterSite([electric("02010100"), electric("02010300")], meter)

    async def first() -> None:
        await site.device.poll()

    async def second() -> None:
        assert isinstance(site.device, Learner)
        assert isinstance(again.device, Learner)
        learned = site.device.learned
        assert learned.turnaround_ms > 0
        assert list(learned.refused) == ["d02010300_0"]
        again.device.recall(learned)
        meter.asked.clear()
        await again.device.poll()
        await again.device.poll()
        assert "02010300" not in reads(meter)
        again.clock.advance(REFUSAL_KEPT_S)
        await again.device.poll()
        assert "02010300" in reads(meter)

    virtual(site, first)
    virtual(again, second)


def test_a_block_that_lacks_a_phase_is_completed_by_single_reads() -> None:
    meter = FakeElectricMeter(METER, {"0201FF00": b"\x97\x22", **SINGLE_VOLTS})
    site = MeterSite([electric("02010100"), electric("02010200")], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [229.7, 226.2]
        meter.asked.clear()
        assert seen(await site.device.poll()) == [229.7, 226.2]
        assert reads(meter) == ["02010100", "02010200"]

    virtual(site, story)


def test_a_slow_point_is_not_due_between_and_due_after_a_silence() -> None:
    meter = FakeElectricMeter(METER, {"02800002": b"\x03\x50", "04000402": bytes(6)})
    site = MeterSite([electric("02800002"), electric("04000402", every_ms=3_600_000)], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [50.03, "000000000000"]
        assert seen(await site.device.poll()) == [50.03, Reason.NOT_DUE]
        assert seen(await site.device.read([PointName("d04000402_0")])) == ["000000000000"]
        site.clock.advance(3_600)
        assert seen(await site.device.poll()) == [50.03, "000000000000"]
        meter.silent = True
        assert seen(await site.device.poll()) == [Reason.TIMEOUT, Reason.NOT_DUE]
        meter.silent = False
        assert seen(await site.device.poll()) == [50.03, "000000000000"]

    virtual(site, story)


def test_a_knock_is_no_reading_of_a_slow_point() -> None:
    meter = FakeElectricMeter(METER, {"00010000": bytes(4), "04000501": bytes(2)}, silent=True)
    site = MeterSite([electric("00010000"), electric("04000501", every_ms=3_600_000)], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [Reason.TIMEOUT] * 2
        meter.silent = False
        assert (await site.device.probe()).answered
        assert reads(meter)[-1] == "04000501", "the shortest"
        assert Reason.NOT_DUE not in seen(await site.device.poll()), "nobody has taken what the knock brought"

    virtual(site, story)


def test_what_a_person_reads_puts_off_no_poll_of_a_slow_point() -> None:
    meter = FakeElectricMeter(METER, {"02800002": b"\x03\x50", "04000402": bytes(6)})
    site = MeterSite([electric("02800002"), electric("04000402", every_ms=3_600_000)], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [50.03, "000000000000"]
        site.clock.advance(3_000)
        assert seen(await site.device.read([PointName("d04000402_0")])) == ["000000000000"]
        site.clock.advance(600)
        assert seen(await site.device.poll()) == [50.03, "000000000000"]

    virtual(site, story)


def test_a_dead_meter_costs_one_request_a_round() -> None:
    meter = FakeElectricMeter(METER, silent=True)
    site = MeterSite([electric("02800002"), electric("02010100"), electric("00010000")], meter)

    async def story() -> None:
        snapshot = await site.device.poll()
        assert not snapshot.answered
        assert seen(snapshot) == [Reason.TIMEOUT] * 3
        assert len(site.bus.sent) == 1
        assert not (await site.device.probe()).answered

    virtual(site, story)


def test_a_wrong_address_and_damaged_frames_are_never_a_value() -> None:
    meter = FakeElectricMeter(METER, {"02800002": b"\x03\x50"}, answers_as="000006605519")
    site = MeterSite([electric("02800002")], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [Reason.WRONG_UNIT]
        meter.answers_as = None
        for place in range(18):
            site.bus.damage = lambda frame, at=place: frame[:at] + bytes((frame[at] ^ 0x21,)) + frame[at + 1 :]  # type: ignore[misc]
            assert isinstance(seen(await site.device.read([PointName("d02800002_0")]))[0], Reason)
        site.bus.damage = bytes
        site.bus.noise = b"\x56\x7b\x16\xfe"
        assert seen(await site.device.poll()) == [50.03]

    virtual(site, story)


def test_total_and_tariffs_that_disagree_are_asked_for_again() -> None:
    good = bytes.fromhex(ENERGY)
    meter = FakeElectricMeter(METER, {"0001FF00": good})
    site = MeterSite([electric(f"00010{i}00") for i in range(5)], meter)
    answers = [good[:1] + b"\x99" + good[2:], good]

    async def story() -> None:
        site.bus.damage = lambda frame: _with_data(meter, frame, answers)
        assert seen(await site.device.poll()) == [230.93, 0, 0, 221.76, 9.17]
        assert len(meter.asked) == 2
        answers[:] = [good[:1] + b"\x99" + good[2:], good[:1] + b"\x88" + good[2:]]
        assert seen(await site.device.poll()) == [Reason.GARBAGE] * 5
        site.bus.damage = bytes
        meter.data["0001FF00"] = b"\x94" + good[1:]  # a meter that rounds each by itself
        assert seen(await site.device.poll())[0] == 230.94
        meter.data["0001FF00"] = good[:1] + b"\x99" + good[2:]
        meter.asked.clear()
        assert seen(await site.device.poll())[0] == 299.93
        assert seen(await site.device.poll())[0] == 299.93
        assert len(meter.asked) == 3  # it says so twice, and is believed from then on

    virtual(site, story)


def _with_data(meter: FakeElectricMeter, _frame: bytes, answers: list[bytes]) -> bytes:
    from edgeguard.codec.dlt645_framing import build_frame

    return build_frame(meter.address, 0x91, bytes.fromhex("00ff0100") + answers.pop(0))


def test_an_item_of_another_size_than_the_table_says_is_no_value() -> None:
    site = MeterSite([electric("02020100")], FakeElectricMeter(METER, {"02020100": b"\x99\x49"}))

    async def story() -> None:
        assert seen(await site.device.poll()) == [Reason.UNDECODABLE]

    virtual(site, story)


def test_following_frames_are_fetched() -> None:
    meter = FakeElectricMeter(METER, {"0001FF00": bytes.fromhex(ENERGY)}, chunk=7)
    site = MeterSite([electric("00010000"), electric("00010400")], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [230.93, 9.17]
        assert [pdu[0] for pdu in meter.asked] == [0x11, 0x12, 0x12]

    virtual(site, story)


def test_demand_comes_with_its_time() -> None:
    meter = FakeElectricMeter(METER, {"01010000": bytes.fromhex("12 25 00 15 08 24 11 26")})
    site = MeterSite([electric("01010000"), electric("01010000", item=1)], meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [0.2512, "2026-11-24 08:15"]
        assert len(meter.asked) == 1

    virtual(site, story)


def test_a_meter_of_1997_is_read_with_its_own_codes_and_blocks() -> None:
    limits = Dlt645Limits(Edition.Y1997)
    meter = FakeElectricMeter(METER, {"901F": bytes.fromhex("48 63 24 00 48 63 24 00 aa"), "B611": b"\x20\x02"}, edition=1997)
    site = MeterSite([electric("9010", limits), electric("9011", limits), electric("B611", limits)], meter, limits=limits)

    async def story() -> None:
        assert seen(await site.device.poll()) == [2463.48, 2463.48, 220]
        assert [pdu.hex() for pdu in meter.asked] == ["011f90", "0111b6"]

    virtual(site, story)


def test_a_wildcard_hears_the_only_meter() -> None:
    site = MeterSite([electric("02800002")], FakeElectricMeter(METER, {"02800002": b"\x03\x50"}), address="A" * 12)

    async def story() -> None:
        assert seen(await site.device.poll()) == [50.03]

    virtual(site, story)


def secret(tmp_path: Path, text: str = "02 123456 00000001\n") -> Path:
    (tmp_path / "meter").write_text(text, encoding="ascii")
    return tmp_path / "meter"


def write(site: MeterSite, value: str) -> WriteResult:
    results: list[WriteResult] = []

    async def story() -> None:
        results.append(await site.device.write(PointName("relay"), value))

    virtual(site, story)
    return results[0]


def test_a_relay_is_tripped_and_read_back(tmp_path: Path) -> None:
    meter = FakeElectricMeter(METER, {"04000503": b"\x00\x00"})
    site = MeterSite([relay()], meter, password_file=secret(tmp_path))
    assert write(site, "open") == WriteResult("open", "open", verified=True)
    control = meter.asked[0]
    assert control[:11].hex(" ") == "1c 02 56 34 12 01 00 00 00 1a 00"
    assert write(site, "合").verified


def test_a_relay_that_does_not_move_is_reported_as_that(tmp_path: Path) -> None:
    meter = FakeElectricMeter(METER, {"04000503": b"\x10\x00"}, relay_sticks=True)
    result = write(MeterSite([relay()], meter, password_file=secret(tmp_path)), "closed")
    assert (result.fate, result.read_back) == (Fate.UNVERIFIED, "open")
    assert result.detail.startswith("wrote closed, read back open; the meter confirmed the command; where it only permits closing")


def test_a_lost_answer_to_a_command_is_neither_done_nor_refused(tmp_path: Path) -> None:
    meter = FakeElectricMeter(METER, {"04000503": b"\x00\x00"})
    site = MeterSite([relay()], meter, password_file=secret(tmp_path))
    site.bus.damage = lambda frame: frame if frame[8] != 0x9C else frame[:-2] + b"\x00\x16"
    result = write(site, "open")
    assert result.verified
    assert result.fate is Fate.DONE
    assert result.detail.startswith("the answer was lost (checksum")
    assert result.detail.endswith("), but the meter shows the value")


@pytest.mark.parametrize(
    ("text", "enabled", "synced", "sentence"),
    [
        ("02 999999 00000001", True, True, "the meter refuses with error 04, wrong password or not authorised"),
        ("02 123456", True, True, "must hold three numbers on one line"),
        ("02 123456 00000001", False, True, "is not enabled: the site file must give it an interlock"),
        ("02 123456 00000001", True, False, "the gateway's clock is not synchronised"),
    ],
)
def test_a_command_is_refused_in_words_without_the_secret(
    tmp_path: Path, text: str, enabled: bool, synced: bool, sentence: str
) -> None:
    meter = FakeElectricMeter(METER, {"04000503": b"\x00\x00"})
    site = MeterSite([relay()], meter, password_file=secret(tmp_path, text), enabled=enabled)
    site.clock.synced = synced
    with pytest.raises(WriteRefused, match=sentence) as caught:
        write(site, "open")
    assert "123456" not in str(caught.value)
    assert "999999" not in str(caught.value)
    assert meter.data["04000503"] == b"\x00\x00"


def test_without_a_password_file_nothing_is_sent(tmp_path: Path) -> None:
    meter = FakeElectricMeter(METER, {"04000503": b"\x00\x00"})
    with pytest.raises(WriteRefused, match="name its file with password_file"):
        write(MeterSite([relay()], meter), "open")
    with pytest.raises(WriteRefused, match="cannot be read"):
        write(MeterSite([relay()], meter, password_file=tmp_path / "none"), "open")
    with pytest.raises(WriteRefused, match="is none of closed, open"):
        write(MeterSite([relay()], meter, password_file=secret(tmp_path)), "ajar")
    assert meter.asked == []


def test_a_meter_that_is_not_there_is_no_refusal(tmp_path: Path) -> None:
    meter = FakeElectricMeter(METER, {"04000503": b"\x00\x00"}, silent=True)
    site = MeterSite([relay()], meter, password_file=secret(tmp_path))
    result = write(site, "open")
    assert (result.verified, result.read_back, result.fate) == (False, None, Fate.LOST)
    assert "may or may not have obeyed; it could not be read back (timeout" in result.detail
    assert ExchangeFailed is not None
