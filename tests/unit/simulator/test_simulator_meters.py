"""Simulated DL/T 645 and CJ/T 188 meters, judged by frames that real meters and other people's programs have sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_kit import MasterEnd

from edgeguard.core.line import LineSettings
from edgeguard.simulator import cjt188_station as cjt
from edgeguard.simulator import dlt645_station as dlt
from edgeguard.simulator.bcd import bcd, matches
from edgeguard.simulator.meter_station import METER_LINE
from edgeguard.simulator.wire import Burst
from edgeguard.testing.clock import run_virtual

FE = "FE FE FE FE "
UA_AND_MORE = {
    0x02010100: bcd(229.7, 2, 1),
    0x02010200: bcd(230.1, 2, 1),
    0x02010300: bcd(226.2, 2, 1),
    0x00010000: bcd(230.93, 4, 2),
    0x00010100: bcd(0, 4, 2),
    0x00010300: bcd(221.76, 4, 2),
    0x00010400: bcd(9.17, 4, 2),
    0x02800002: bcd(50.03, 2, 2),
    0x02030000: bcd(-0.2512, 3, 4, signed=True),
    0x04000401: bcd(1043, 6),
}


def heard(data: bytes, start_s: float = 0.0) -> Burst:
    return Burst(data, True, start_s, start_s + 0.1)


def said(station: dlt.Dlt645Station | cjt.Cjt188Station, question: str, start_s: float = 0.0) -> str:
    return b"".join(speech.data for speech in station.hear(heard(bytes.fromhex(question), start_s))).hex(" ").upper()


def meter(address: str = "003411001043", **more: object) -> dlt.Dlt645Station:
    return dlt.Dlt645Station(address, lambda: UA_AND_MORE, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "question", "answer"),
    [
        (
            "003411001043",
            FE + "68 43 10 00 11 34 00 68 11 04 33 34 34 35 4D 16",
            FE + "68 43 10 00 11 34 00 68 91 06 33 34 34 35 CA 55 EE 16",
        ),
        (
            "171118445100",
            "68 AA AA AA AA AA AA 68 11 04 35 33 B3 35 B4 16",
            FE + "68 00 51 44 18 11 17 68 91 06 35 33 B3 35 36 83 45 16",
        ),
        (
            "005223440001",
            "68 01 00 44 23 52 00 68 11 04 33 36 34 35 71 16",
            FE + "68 01 00 44 23 52 00 68 91 06 33 36 34 35 95 55 DD 16",
        ),
        ("000000000001", FE + "68 AA AA AA AA AA AA 68 13 00 DF 16", FE + "68 01 00 00 00 00 00 68 93 06 34 33 33 33 33 33 9D 16"),
        ("111111111111", FE + "68 AA AA AA AA AA AA 68 13 00 DF 16", FE + "68 11 11 11 11 11 11 68 93 06 44 44 44 44 44 44 67 16"),
        (
            "000006605518",
            "68 AA AA AA AA AA AA 68 11 04 33 33 34 33 AE 16",
            FE + "68 18 55 60 06 00 00 68 91 08 33 33 34 33 C6 63 35 33 9A 16",
        ),
        (
            "000006605518",
            FE + "68 18 55 60 06 00 00 68 11 04 33 36 34 33 88 16",
            FE + "68 18 55 60 06 00 00 68 91 08 33 36 34 33 A9 54 35 33 71 16",
        ),
        ("000006605518", FE + "68 18 55 60 06 00 00 68 11 04 77 77 77 77 94 16", FE + "68 18 55 60 06 00 00 68 D1 01 35 AA 16"),
    ],
    ids=["E2", "E6", "E7", "E9", "E10", "E24", "E25", "E21"],
)
def test_2007_meters_say_what_real_ones_have_said(address: str, question: str, answer: str) -> None:
    asked = bytearray.fromhex(question)
    asked[-2] = sum(asked[asked.index(0x68) : -2]) & 0xFF
    assert said(meter(address), asked.hex()) == answer


@pytest.mark.parametrize(
    ("address", "as_asked", "kwh", "answer"),
    [
        ("000014359743", False, 2463.48, "68 43 97 35 14 00 00 68 81 06 43 C3 7B 96 57 33 1B 16"),
        ("000000000001", True, 272.61, "68 AA AA AA AA AA AA 68 81 06 43 C3 94 A5 35 33 FA 16"),
        ("151800161485", False, 1062.48, "68 85 14 16 00 18 15 68 81 06 43 C3 7B 95 43 33 BF 16"),
    ],
    ids=["F2", "F3", "F5"],
)
def test_1997_meters_say_what_real_ones_have_said(address: str, as_asked: bool, kwh: float, answer: str) -> None:
    old = dlt.Dlt645Station(
        address, lambda: {0x9010: bcd(kwh, 4, 2)}, edition=dlt.E1997, preamble=0, answers_wildcard_as_asked=as_asked
    )
    assert said(old, FE + "68 AA AA AA AA AA AA 68 01 02 43 C3 D5 16") == answer
    # a question of 2007 is not one of 1997
    assert said(old, "68 AA AA AA AA AA AA 68 11 04 33 33 34 33 AE 16") == ""


def test_a_block_is_all_that_it_stands_for_and_a_negative_power_bears_its_sign() -> None:
    address = meter().address
    block = meter().hear(heard(dlt.SHAPE.frame(address, 0x11, bytes.fromhex("00FF0100"))))
    ((_, control, data),), _ = dlt.SHAPE.frames(block[0].data)
    assert control == 0x91
    assert data[4:] == bcd(230.93, 4, 2) + bcd(0, 4, 2) + bcd(221.76, 4, 2) + bcd(9.17, 4, 2)
    power = meter().hear(heard(dlt.SHAPE.frame(address, 0x11, bytes.fromhex("00000302"))))
    assert dlt.SHAPE.frames(power[0].data)[0][0][2][4:] == bytes.fromhex("122580")


def test_what_does_not_fit_into_a_frame_follows_in_numbered_parts() -> None:
    long = bytes(range(100)) * 5
    station = dlt.Dlt645Station("000000000007", lambda: {0x04010000: long}, preamble=0)

    def ask(control: int, data: bytes) -> tuple[int, bytes]:
        ((_, told, answer),), _ = dlt.SHAPE.frames(station.hear(heard(dlt.SHAPE.frame(station.address, control, data)))[0].data)
        assert len(answer) <= 200
        return told, answer

    wanted = bytes.fromhex("00000104")
    control, answer = ask(0x11, wanted)
    got, number = answer[4:], 0
    assert control == 0xB1
    while control & 0x20:
        number += 1
        control, answer = ask(0x12, wanted + bytes((number,)))
        assert answer[-1] == number
        # a part that was lost on the way may be asked for again
        assert ask(0x12, wanted + bytes((number,))) == (control, answer)
        got += answer[4:-1]
    assert (control, got) == (0x92, long)
    assert ask(0x12, wanted + b"\x09")[0] == 0xD2
    assert ask(0x12, bytes.fromhex("00000204") + b"\x01")[0] == 0xD2


def test_orders_need_the_password_and_broadcasts_get_no_answer() -> None:
    done: list[object] = []

    def note(*what: object) -> bool:
        done.append(what)
        return True

    station = meter(orders=dlt.Orders(write=note, control=note, clock=note, freeze=note), password=bytes.fromhex("101010"))
    # E29 of the field's frames: the date is written with password 02/101010
    assert said(station, "68 43 10 00 11 34 00 68 14 10 34 34 33 37 35 43 43 43 44 44 44 44 37 43 38 4B 79 16") == ""
    date = bytes.fromhex("01010004 02101010 11111111 04100518")
    assert dlt.SHAPE.frames(station.hear(heard(dlt.SHAPE.frame(station.address, 0x14, date)))[0].data)[0][0][1] == 0x94
    wrong = bytes.fromhex("01010004 02000000 11111111 04100518")
    assert dlt.SHAPE.frames(station.hear(heard(dlt.SHAPE.frame(station.address, 0x14, wrong)))[0].data)[0][0][1:] == (0xD4, b"\x04")
    trip = bytes.fromhex("02101010 11111111 1A00 595923010118")
    assert dlt.SHAPE.frames(station.hear(heard(dlt.SHAPE.frame(station.address, 0x1C, trip)))[0].data)[0][0][1] == 0x9C
    assert station.hear(heard(dlt.SHAPE.frame(dlt.BROADCAST, 0x08, bytes.fromhex("000012241126")))) == []
    assert done == [(0x04000101, bytes.fromhex("04100518")), (0x1A,), (bytes.fromhex("000012241126"),)]


def test_water_meters_say_what_real_ones_have_said() -> None:
    water = cjt.Cjt188Station(
        "1078330011223344",
        lambda: {0x901F: bytes.fromhex("007766552C007766552C310122110515202184")},
        lambda: b"\0\0",
        high_first=False,
        preamble=0,
    )
    assert said(water, "68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16") == (
        "68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16"
    )
    # the same question in the other order has the same checksum, and no answer
    assert said(water, "68 10 44 33 22 11 00 33 78 01 03 90 1F 00 80 16") == ""
    found = cjt.Cjt188Station("1078330123456789", dict, lambda: b"\0\0", preamble=2)
    assert said(found, "68 10 AA AA AA AA AA AA AA 03 03 81 0A 01 B0 16") != ""
    other = cjt.Cjt188Station("1078330123456789", dict, lambda: b"\0\0", preamble=2, high_first=False)
    assert said(other, "68 10 AA AA AA AA AA AA AA 03 03 0A 81 A7 56 16") == "FE FE 68 10 89 67 45 23 01 33 78 83 03 0A 81 A7 34 16"


def test_a_valve_moves_and_what_is_not_there_is_refused() -> None:
    moved: list[int] = []

    def valve(order: int) -> bool:
        moved.append(order)
        return order in (0x55, 0x99)

    water = cjt.Cjt188Station(
        "1000000000000012", lambda: {0x901F: bytes(19)}, lambda: b"\x01\x00", cjt.Orders(valve=valve), preamble=0
    )

    def ask(control: int, data: str) -> tuple[int, str]:
        ((_, told, answer),), _ = cjt.SHAPE.frames(
            water.hear(heard(cjt.SHAPE.frame(water.address, control, bytes.fromhex(data))))[0].data
        )
        return told, answer.hex()

    assert ask(4, "A017 07 99") == (0x84, "a017070100")
    assert ask(4, "A017 08 00") == (0xC4, "080100")
    assert ask(1, "9020 09") == (0xC1, "090100")
    assert moved == [0x99, 0x00]
    assert water.hear(heard(cjt.SHAPE.frame(water.address, 1, bytes.fromhex("1F9001")))) == []


def test_meters_on_a_line_are_found_by_wildcards_and_speak_over_each_other() -> None:
    async def scene() -> None:
        line = LineSettings(2400, METER_LINE.parity)
        end = MasterEnd([meter(), meter("003411001044"), meter("007700000000")], line)
        everybody = await end.ask(dlt.SHAPE.frame(b"\xaa" * 6, 0x13, b""), 2.0)
        assert dlt.SHAPE.frames(everybody)[0] == []
        assert end.wire.counters.collisions > 0
        one = await end.ask(dlt.SHAPE.frame(b"\xaa" * 4 + b"\x77\x00", 0x13, b""), 2.0)
        assert [address for address, *_ in dlt.SHAPE.frames(one)[0]] == [bytes.fromhex("000000007700")]

    run_virtual(scene())


@given(st.binary(max_size=80))
def test_junk_is_never_answered(junk: bytes) -> None:
    assert meter().hear(heard(junk)) == []
    assert cjt.Cjt188Station("1000000000000012", dict, lambda: b"\0\0").hear(heard(junk)) == []


@given(st.binary(max_size=20), st.integers(0, 3))
def test_a_question_is_found_behind_junk_and_in_pieces(junk: bytes, cut: int) -> None:
    question = dlt.SHAPE.frame(meter().address, 0x13, b"")
    station = meter()
    stream = junk + b"\0" * 260 + question
    first = station.hear(heard(stream[: len(stream) - cut]))
    second = station.hear(heard(stream[len(stream) - cut :], 0.2)) if cut else []
    assert len([*first, *second]) == 1


def test_figures_are_packed_as_meters_pack_them() -> None:
    assert bcd(12345678.9, 4, 2) == bytes.fromhex("90785634")
    assert bcd(-0.00001, 3, 4, signed=True) == bytes(3)
    assert bcd(-79.9999, 3, 4, signed=True) == bytes.fromhex("9999F9")
    assert matches(bytes.fromhex("AAAA10"), bytes.fromhex("123410"))
    assert matches(bytes.fromhex("1A10"), bytes.fromhex("1310"))
    assert not matches(bytes.fromhex("AA11"), bytes.fromhex("1210"))
    assert not matches(b"\xaa", b"\x12\x34")


def test_a_meter_is_not_deaf_after_the_talk_of_another_protocol() -> None:
    water = cjt.Cjt188Station("1000000000000012", lambda: {0x901F: bytes(19)}, lambda: b"\0\0")
    talk = meter().hear(heard(dlt.SHAPE.frame(meter().address, 0x11, bytes.fromhex("00010102"))))[0].data
    assert water.hear(heard(talk)) == []
    assert len(water.hear(heard(cjt.SHAPE.frame(water.address, 1, bytes.fromhex("901F01")), 0.2))) == 1
