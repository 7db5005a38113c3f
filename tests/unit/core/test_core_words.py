"""The field's words: ids, times, registers, faults and snapshots mean what their docstrings say."""

import dataclasses
import importlib
import pkgutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeguard.core
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.errors import ConfigError, EdgeguardError, Permanent, Retryable, StoreError, WriteRefused, WriteUnverified
from edgeguard.core.ids import ID_PATTERN, POINT_PATTERN, BootId, DeviceName, PointName, alarm_name
from edgeguard.core.item import STREAMS, Stream
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.quality import Fault, Quality, Reason
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.snapshot import Reading, Snapshot

AT = Stamp(wall_ms=1_795_498_800_123, boot_ms=5_000, boot=BootId("b"), synced=True)
YEAR_9999_MS = 253_402_300_799_999


def _point(name: str) -> Point:
    return Point(PointName(name), Kind.NUMBER, Labels("压力", "pressure"))


class TestTime:
    def test_the_format_is_that_of_the_interface(self) -> None:
        assert iso_utc(1_795_498_800_123) == "2026-11-24T05:40:00.123Z"

    def test_the_epoch_and_the_moment_before_it(self) -> None:
        assert iso_utc(0) == "1970-01-01T00:00:00.000Z"
        assert iso_utc(-1) == "1969-12-31T23:59:59.999Z"

    @given(st.integers(min_value=0, max_value=YEAR_9999_MS))
    def test_reading_it_back_gives_the_same_millisecond(self, wall_ms: int) -> None:
        text = iso_utc(wall_ms)
        parsed = datetime.fromisoformat(text)
        assert parsed.tzinfo == UTC
        assert (parsed - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == wall_ms

    @given(st.lists(st.integers(min_value=0, max_value=YEAR_9999_MS), min_size=2))
    def test_texts_sort_like_times(self, moments: list[int]) -> None:
        assert sorted(map(iso_utc, moments)) == [iso_utc(m) for m in sorted(moments)]
        assert {len(iso_utc(m)) for m in moments} == {24}


class TestIds:
    @pytest.mark.parametrize("good", ["a", "0", "lakeside", "pump-1", "b07", "a" * 64, "a-"])
    def test_ids_that_are_taken(self, good: str) -> None:
        assert ID_PATTERN.match(good)

    @pytest.mark.parametrize("bad", ["", "-a", "A", "a" * 65, "a_b", "a.b", "a/b", "a+", "#", "a\n", "é", "a b", "１"])
    def test_ids_that_are_refused(self, bad: str) -> None:
        assert not ID_PATTERN.match(bad)

    @given(st.text())
    def test_an_id_is_always_one_level_of_a_topic_and_one_name_of_a_file(self, text: str) -> None:
        if ID_PATTERN.match(text):
            assert text.isascii()
            assert not set(text) & set("/+#\0.\n ")
            assert 1 <= len(text) <= 64

    @pytest.mark.parametrize(
        ("name", "fits"), [("flow", True), ("l1_voltage", True), ("1st", False), ("Flow", False), ("a-b", False), ("", False)]
    )
    def test_points_are_snake_case(self, name: str, fits: bool) -> None:
        assert bool(POINT_PATTERN.match(name)) is fits

    def test_an_alarm_is_named_after_its_device(self) -> None:
        assert alarm_name(DeviceName("pump-1"), "dry-run") == "pump-1.dry-run"


class TestRegisters:
    @pytest.mark.parametrize(
        ("raw", "words"),
        [
            (RawType.BIT, 1),
            (RawType.UINT16, 1),
            (RawType.INT16, 1),
            (RawType.BCD16, 1),
            (RawType.UINT32, 2),
            (RawType.INT32, 2),
            (RawType.FLOAT32, 2),
            (RawType.BCD32, 2),
            (RawType.UINT64, 4),
            (RawType.INT64, 4),
            (RawType.FLOAT64, 4),
            (RawType.BCD64, 4),
            (RawType.STRING, 0),
        ],
    )
    def test_a_type_takes_its_registers(self, raw: RawType, words: int) -> None:
        assert raw.words == words

    def test_no_type_is_forgotten_above(self) -> None:
        assert len(RawType) == 13

    def test_only_coils_and_discrete_inputs_are_bits(self) -> None:
        assert [table for table in Table if table.is_bits] == [Table.COIL, Table.DISCRETE]

    @given(st.integers(0, 65_535), st.integers(1, 125))
    def test_a_field_covers_as_many_registers_as_it_says(self, address: int, words: int) -> None:
        field = RegisterField(Table.HOLDING, address, RawType.STRING, words=words)
        assert len(range(field.address, field.last + 1)) == words


class TestQuality:
    def test_a_fault_reads_as_reason_and_detail(self) -> None:
        assert str(Fault(Reason.TIMEOUT)) == "timeout"
        assert str(Fault(Reason.EXCEPTION, "exception 4, slave device failure")) == "exception: exception 4, slave device failure"

    def test_reasons_are_words_for_a_message(self) -> None:
        assert all(reason.value.replace("-", "").isalpha() and reason.value.islower() for reason in Reason)

    @pytest.mark.parametrize("value", [0.0, 0, False, ""])
    def test_an_empty_value_is_a_good_value(self, value: float | str) -> None:
        assert Reading(_point("flow"), value, AT).quality is Quality.GOOD

    def test_a_fault_is_bad(self) -> None:
        assert Reading(_point("flow"), Fault(Reason.TIMEOUT), AT).quality is Quality.BAD


class TestSnapshot:
    def test_readings_pair_the_columns(self) -> None:
        points = (_point("flow"), _point("pressure"))
        fault = Fault(Reason.CHECKSUM)
        snapshot = Snapshot(DeviceName("pump-1"), AT, points, (1.5, fault), answered=True)
        assert list(snapshot.readings()) == [Reading(points[0], 1.5, AT), Reading(points[1], fault, AT)]

    def test_columns_of_different_length_are_a_bug(self) -> None:
        snapshot = Snapshot(DeviceName("pump-1"), AT, (_point("flow"),), (), answered=False)
        with pytest.raises(ValueError, match="zip"):
            list(snapshot.readings())


class TestErrors:
    def test_an_error_is_worth_another_try_or_it_is_not(self) -> None:
        assert issubclass(StoreError, Retryable)
        assert issubclass(ConfigError, Permanent)
        assert issubclass(WriteRefused, Permanent)
        assert not issubclass(Retryable, Permanent)
        assert not issubclass(WriteUnverified, Retryable | Permanent)
        assert issubclass(WriteUnverified, EdgeguardError)

    def test_a_refused_configuration_tells_every_mistake(self) -> None:
        error = ConfigError(("site.toml:3: a", "site.toml:9: b"))
        assert error.mistakes == ("site.toml:3: a", "site.toml:9: b")
        assert str(error) == "site.toml:3: a\nsite.toml:9: b"


def test_streams_stand_most_urgent_first() -> None:
    assert STREAMS == (Stream.ALARMS, Stream.EVENTS, Stream.TELEMETRY)
    assert set(STREAMS) == set(Stream)


def _values() -> list[type]:
    rooms = [importlib.import_module(f"edgeguard.core.{m.name}") for m in pkgutil.iter_modules(edgeguard.core.__path__)]
    return [
        t
        for room in rooms
        for t in vars(room).values()
        if isinstance(t, type) and dataclasses.is_dataclass(t) and t.__module__ == room.__name__
    ]


@pytest.mark.parametrize("value", _values(), ids=lambda t: t.__name__)
def test_values_are_frozen_and_hold_nothing_but_their_fields(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not hasattr(object.__new__(value), "__dict__")
