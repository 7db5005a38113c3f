"""A meter's data in words: every vector says the value that its source gives; what is none is shown as it came."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.examine import examine
from edgeguard.codec.meter_said import electricity, others
from edgeguard.codec.words import describe
from edgeguard.core.meter import Edition
from edgeguard.testing.examples import examples
from edgeguard.testing.vectors import Vector, load_vectors

VECTORS = Path(__file__).parents[2] / "vectors"
ELECTRIC = [v for v in load_vectors(VECTORS / "dlt645.json") if v.identifier and v.data and v.values]


@pytest.mark.parametrize("vector", ELECTRIC, ids=lambda v: v.name)
def test_an_electricity_meter_says_what_its_source_says(vector: Vector) -> None:
    assert vector.identifier is not None
    assert vector.data is not None
    size = len(vector.identifier) // 2
    told = electricity(Edition.Y2007 if size == 4 else Edition.Y1997, vector.identifier, vector.data[size:])
    assert told is not None
    expected = vector.values[""]
    if expected is None:
        assert told.en == "—"
    elif isinstance(expected, str):
        assert told.en == expected
    else:
        assert float(told.en.split()[0]) == expected


@pytest.mark.parametrize(
    ("identifier", "data", "told"),
    [
        (
            "0001FF00",
            "29 01 00 00 62 00 00 00 60 00 00 00 03 00 00 00 02 00 00 00",
            "1.29 kWh, 0.62 kWh, 0.60 kWh, 0.03 kWh, 0.02 kWh",
        ),
        ("0201FF00", "56 22 ff ff ff ff", "225.6 V, —, —"),
        ("01010000", "00 25 12 26 11 24 08 15", "12.2500 kW, 2015-08-24 11:26"),
        ("02030000", "12 25 80", "-0.2512 kW"),
        ("04000501", "04 00", "0004 (clock battery low)"),
        ("040005FF", "04 00" + " 00 00" * 6, "0004, 0000, 0000, 0000, 0000, 0000, 0000"),
        ("02010100", "fa 22", "22FA?"),
    ],
)
def test_blocks_moments_signs_and_status_words(identifier: str, data: str, told: str) -> None:
    found = electricity(Edition.Y2007, identifier, bytes.fromhex(data))
    assert found is not None
    assert found.en == told


def test_what_the_table_does_not_know_is_left_as_it_came() -> None:
    assert electricity(Edition.Y2007, "02010100", b"\x01") is None
    assert electricity(Edition.Y2007, "0F0F0F0F", b"\x01\x02") is None
    assert electricity(Edition.Y2007, "0201FF00", b"") is None
    assert others("4000000000000000", "901F", b"\0" * 19) is None
    assert others("1000000000000000", "901F", b"\0" * 18) is None


def test_water_and_both_families_of_heat_meters_are_read_with_the_unit_that_they_send() -> None:
    frame = "68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16"
    (seen,) = examine(bytes.fromhex(frame)).frames
    text = "read data DI 1F90 = volume 556677 m3, volume at the settlement day 556677 m3, clock 2015-05-11 22:01:31, status 8421"
    assert describe(seen).en == text
    numbers = ("00 36 00 00", "00 40 00 00", "50 12 00 00", "00 35 01 00", "00 77 00 00")
    units = ("05", "05", "17", "35", "2C")
    rest = "40 45 00 30 35 00 12 00 00 31 01 22 11 05 15 20 00 00"
    behind = " ".join(f"{number} {unit}" for number, unit in zip(numbers, units, strict=True))
    before = " ".join(f"{unit} {number}" for number, unit in zip(numbers, units, strict=True))
    for data in (behind, before):
        told = others("2000000000000001", "901F", bytes.fromhex(f"{data} {rest}"))
        assert told is not None
        assert "energy 40 kWh, power 12.5 kW, flow 1.35 m3/h, volume 77 m3, supply temperature 45.40" in told.en


def test_a_right_checksum_stands_before_what_may_be_a_network_frame() -> None:
    """Sixteen bytes behind a meter's address that reads like a header of Modbus TCP."""
    frame = "68 12 00 00 00 10 20 68 91 0A 33 32 34 35 89 55 32 32 32 32 21 16"
    (seen,) = examine(bytes.fromhex(frame)).frames
    assert describe(seen).en == "read data 0201FF00 = 225.6 V, —, —"


@settings(max_examples=examples(60))
@given(st.sampled_from(["00010000", "0201FF00", "04000501", "05060101", "01010000", "04000404"]), st.binary(max_size=24))
def test_junk_is_shown_and_never_breaks(identifier: str, data: bytes) -> None:
    electricity(Edition.Y2007, identifier, data)
    others("1000000000000000", "901F", data)
