"""`decode`: frames of every protocol as a technician pastes them, registers side by side, and what cannot be read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cli_kit import Desk, Printed

from edgeguard.testing.handlers import FakeBuilding


def decode(*words: str, **options: Any) -> Printed:
    return Desk(Path("/nonexistent"), FakeBuilding()).type("decode", *words, **options)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("03 03 04 43 67 66 66 D6 22", "✓ rtu answer 3: read holding = 17255 26214"),
        ("0303044367666 6D622", "✓ rtu answer 3: read holding = 17255 26214"),
        ("0x03,0x83,0x02,0x61,0x31", "✓ rtu exception 3: read holding: exception 2, illegal data address"),
        (":030300100002E8", "✓ ascii request 3: read holding 16..17"),
        ("0007 0000 0006 03 03 0010 0001", "✓ tcp request 3: read holding 16"),
        (
            "68 01 00 44 23 52 00 68 91 06 33 36 34 35 95 55 DD 16",
            "✓ dlt645 answer 005223440001: read data 02010300 Voltage, phase C = 226.2 V",
        ),
        ("68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16", "✓ cjt188 request 1078330011223344: read data DI 1F90"),
    ],
)
def test_a_pasted_frame_is_said_in_words(text: str, told: str) -> None:
    printed = decode(*text.split())

    assert printed.out.splitlines()[0] == told
    assert printed.code == 0


def test_of_half_a_meters_frame_the_bytes_that_woke_it_are_not_counted() -> None:
    printed = decode("FEFEFEFE 68 01 00 44 23 52 00 68 91 06 33 36")

    assert printed.out.splitlines()[0] == "✗ dlt645 broken 005223440001: broken frame: 12 bytes of 18 came"
    assert printed.code == 1


def test_a_write_is_flagged() -> None:
    assert "WRITE" in decode("68 01 00 14 03 18 00 68 14 10 34 34 33 37 35 43 43 43 44 44 44 44 37 43 38 4B 01 16").out
    assert "写操作" in decode("03 06 0001 0005 19EB", lang="zh").out


@pytest.mark.parametrize("text", ["03 03 04 43 67 66 66 00 00", "03 03 04 43 67 66 66"])
def test_a_wrong_or_missing_checksum_is_named_with_the_right_one(text: str) -> None:
    printed = decode(text)

    assert printed.code == 1
    assert "d6 22 is right" in printed.out
    assert "231.4" in printed.out


def test_the_right_order_of_bare_registers_is_marked() -> None:
    for words in (["6666", "4367"], ["-r", "26214", "17255"]):
        (line,) = [line for line in decode(*words).out.splitlines() if "float32" in line]
        assert line.rstrip().endswith("CDAB: near 230 V")


def test_of_many_registers_only_likely_readings_are_shown_unless_all_are_asked_for() -> None:
    many = "43676666" + "0000" * 10
    short, long = (decode(many, *more).out.splitlines() for more in ((), ("--all",)))

    assert len([line for line in short if "float32" in line]) == 1
    assert len([line for line in long if "float32" in line]) == 11


def test_json_has_every_frame_and_every_reading() -> None:
    told = json.loads(decode("03 03 04 43 67 66 66 D6 22", "--json").out)

    assert [frame["sort"] for frame in told["frames"]] == ["answer"]
    assert {"register": 0, "type": "float32", "order": "big", "value": "231.4"}.items() <= next(
        reading for reading in told["registers"] if reading["weight"] == 5
    ).items()


@pytest.mark.parametrize("words", [["zz"], ["0"], [""], ["-r", "x"], ["-r", "65536"], ["-r", "230", "-32769"], ["00" * 2000]])
def test_what_is_no_bytes_is_bad_usage(words: list[str]) -> None:
    assert decode(*words).code == 2


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_fits_the_terminal(lang: str, width: int) -> None:
    printed = decode("68 01 00 14 03 18 00 68 14 10 34 34 33 37 35 43 43 43 44 44 44 44 37 43 38 4B 01 16", lang=lang, width=width)

    assert max(len(line) for line in printed.out.splitlines()) <= width


def test_a_chinese_answer_has_no_english_words_in_its_frame() -> None:
    for words in ("03 83 02 61 31", "03 03 04 43 67 00 00 7D A8"):
        printed = Desk(Path("/nonexistent"), FakeBuilding()).type("decode", *words.split(), lang="zh")
        frame = printed.out.partition("\n\n")[0]
        assert re.findall("[a-z]{4,}", frame) == []
        assert "正确" in frame
