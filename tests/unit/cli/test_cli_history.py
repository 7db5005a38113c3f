"""`trend` and `export`: gaps stay gaps, figures are those of the history, and what is missing is said."""

import json
import struct
import time
import zlib
from asyncio import run
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli_kit import Desk
from hypothesis import example, given, settings
from hypothesis import strategies as st
from parquet_reader import read

from edgeguard.cli.curve import curve_of, ticks
from edgeguard.cli.curve_picture import HIGH, WIDE, png, svg
from edgeguard.cli.curve_text import draw
from edgeguard.cli.pixel_font import GLYPHS
from edgeguard.core.health import Health
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import HistorySpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.core.trend import Sample
from edgeguard.rules.aggregate import aggregate
from edgeguard.store import TrendStore
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.handlers import FakeBuilding

LABELS = Labels(zh="x", en="x")
POINTS = (
    Point(PointName("flow"), Kind.NUMBER, LABELS, unit="m3/h"),
    Point(PointName("mode"), Kind.TEXT, LABELS),
    Point(PointName("running"), Kind.BOOLEAN, LABELS),
)
SILENT = Fault(Reason.TIMEOUT)


def deaf(_: Health) -> None:
    """Hears nothing."""


def sample(at_s: float, *outcomes: Outcome) -> Sample:
    return Sample(int(at_s * 1000), 0, aggregate(outcomes))


def stretches(samples: Iterable[Sample], to_s: float = 100.0, columns: int = 50) -> list[list[float]]:
    curve = curve_of(samples, 0, int(to_s * 1000), columns)
    return [[spot.mean for spot in stretch] for stretch in curve.stretches]


def test_a_failure_and_a_pause_cut_the_curve_and_a_slow_point_is_not_cut() -> None:
    every_second = [sample(i, float(i)) for i in range(10)]
    assert len(stretches(every_second)) == 1
    assert stretches([*every_second, sample(10, SILENT), *(sample(11 + i, 1.0) for i in range(4))])[1] == [1.0, 1.0, 1.0]
    assert len(stretches([*every_second, *(sample(40 + i, 1.0) for i in range(4))])) == 2
    assert len(stretches([sample(i * 20, 1.0) for i in range(5)])) == 1
    assert stretches([sample(1, SILENT)]) == []


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40), st.integers(1, 60))
@settings(max_examples=25)
def test_folding_loses_no_extreme_and_no_reading(values: list[float | None], columns: int) -> None:
    samples = [sample(i, SILENT if value is None else value) for i, value in enumerate(values)]
    curve = curve_of(samples, 0, 40_000, columns)
    good = [value for value in values if value is not None]
    assert (curve.count, curve.bad) == (len(good), values.count(None))
    if good:
        spots = [spot for stretch in curve.stretches for spot in stretch]
        assert len(spots) <= columns
        assert (min(spot.low for spot in spots), max(spot.high for spot in spots)) == (min(good), max(good))


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(2, 9))
@example(0.0, 7.4e-14, 2)
@example(0.0, 2.1e-11, 9)
@settings(max_examples=40)
def test_ticks_enclose_what_they_measure(low: float, span: float, wanted: int) -> None:
    marks = ticks(low, low + span, wanted)
    assert marks[0] <= low + abs(low) * 1e-9 + 1e-12
    assert marks[-1] >= low + span - abs(low + span) * 1e-9 - 1e-12
    assert marks[0] < marks[-1]
    assert 2 <= len(marks) <= 2 * wanted + 4


def test_a_gap_is_empty_in_every_kind_of_picture() -> None:
    samples = [sample(i, float(i % 5)) for i in range(100) if not 40 <= i < 60]
    curve = curve_of(samples, 0, 100_000, 160)
    assert len(curve.stretches) == 2
    lines = draw(curve, 84, 10, UTC)
    # 82 cells less a label of three: the middle fifth is blank in every row
    assert all(set(line.partition("│")[2][33:46]) == {"\u2800"} for line in lines[:10])
    assert any(set(line.partition("│")[2][:30]) != {"\u2800"} for line in lines[:10])
    picture = ElementTree.fromstring(svg(curve, 'a "title" & <more>', UTC, "nothing"))
    assert "href" not in ElementTree.tostring(picture, encoding="unicode")
    assert len([1 for path in picture.iter() if path.get("stroke-width") == "1.4"]) == 2


def test_the_png_is_one() -> None:
    data = png(curve_of([sample(i, float(i)) for i in range(50)], 0, 60_000, 800), "pump-1.flow (m3/h)", UTC, "nothing")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, kinds, body = 8, [], b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        chunk = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + chunk)
        kinds.append(kind)
        body += chunk if kind == b"IDAT" else b""
        at += 12 + length
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    pixels = zlib.decompress(body)
    assert len(pixels) == HIGH * (1 + WIDE * 3)
    assert pixels.count(bytes((20, 90, 170))) > 40
    assert len(GLYPHS) == 95
    assert all(len(glyph) == 5 for glyph in GLYPHS.values())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A history of three hours, a round a minute, with twenty minutes of silence in it."""

    async def work() -> None:
        clock = FakeClock(wall_ms=int(time.time() - 3 * 3600 + 30) * 1000)
        store = TrendStore(tmp_path, HistorySpec(), clock, deaf)
        for i in range(180):
            outcomes: tuple[Outcome, ...] = (12.5 + i % 7, "auto" if i < 90 else "=manual", i % 2 == 0)
            store.take(Snapshot(DeviceName("pump-1"), clock.now(), POINTS, (SILENT,) * 3 if 60 <= i < 80 else outcomes, True))
            clock.advance(60)
        await store.flush()
        await store._keep_small()
        await store.close()

    run(work())
    return Desk(tmp_path / "none.sock", FakeBuilding())


def test_trend_draws_prints_and_writes(desk: Desk, tmp_path: Path) -> None:
    drawn = desk.type("trend", "pump-1.flow", "--hours", "4", "--directory", str(tmp_path))
    assert drawn.code == 0
    assert "readings 160  bad 20" in drawn.out
    told = json.loads(desk.type("trend", "pump-1.flow", "--json", "--directory", str(tmp_path)).out)
    assert sum(one["count"] for one in told["samples"]) == 160
    files = [str(tmp_path / "a.svg"), str(tmp_path / "a.png")]
    assert desk.type("trend", "pump-1.flow", "--svg", files[0], "--png", files[1], "--directory", str(tmp_path)).code == 0
    assert all(Path(file).stat().st_size > 500 for file in files)
    changes = desk.type("trend", "pump-1.mode", "--directory", str(tmp_path))
    assert [line.split()[-1] for line in changes.out.splitlines()[1:]] == ["auto", "—", "auto", "=manual"]
    assert desk.type("trend", "pump-1.flow", "--to", "2020-01-01", "--directory", str(tmp_path)).code == 1
    unknown = desk.type("trend", "pump-1.flo", "--directory", str(tmp_path))
    assert unknown.code == 2
    assert "flow, mode, running" in unknown.err


def test_export_has_a_row_for_every_reading_and_disarms_formulas(desk: Desk, tmp_path: Path) -> None:
    printed = desk.type("export", "--directory", str(tmp_path))
    lines = printed.out.splitlines()
    assert lines[0] == "time,device,point,unit,value,quality,reason"
    assert len(lines) == 1 + 180 * 3
    assert sum(line.endswith(",,bad,timeout") for line in lines) == 60
    assert sum(",'=manual,good," in line for line in lines) == 90
    assert sum(",true,good," in line for line in lines) + sum(",false,good," in line for line in lines) == 160
    only = desk.type("export", "pump-1.flow", "--grain", "minute", "--directory", str(tmp_path)).out.splitlines()
    assert len({line.split(",")[0] for line in only}) == len(only) >= 60
    assert desk.type("export", "pump-9", "--directory", str(tmp_path)).code == 2
    assert desk.type("export", "--from", "yesterday", "--directory", str(tmp_path)).code == 2
    assert desk.type("export", "--to", "2020-01-01", "--directory", str(tmp_path)).code == 1


def test_export_for_programs_is_a_line_a_reading_or_what_went_into_the_file(desk: Desk, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in desk.type("export", "--json", "--directory", str(tmp_path)).out.splitlines()]
    assert len(lines) == 180 * 3
    assert {tuple(line) for line in lines} == {("time", "device", "point", "unit", "value", "quality", "reason")}
    assert {type(line["value"]) for line in lines if line["point"] == "running"} == {bool, type(None)}
    assert sum(line["value"] == "=manual" for line in lines) == 90
    out = tmp_path / "all.csv"
    told = json.loads(desk.type("export", "--json", "-o", str(out), "--directory", str(tmp_path)).out)
    assert told == {"file": str(out), "rows": 540, "damaged": 0, "unplaced": 0}
    assert len(out.read_text().splitlines()) == 541


def test_parquet_needs_a_file_and_one_that_can_be_written(desk: Desk, tmp_path: Path) -> None:
    assert desk.type("export", "--format", "parquet", "--directory", str(tmp_path)).code == 2
    told = desk.type("export", "--format", "parquet", "-o", str(tmp_path / "no" / "x.parquet"), "--directory", str(tmp_path))
    assert told.code == 1
    assert "cannot be written" in told.err


def test_parquet_holds_the_same_rows(desk: Desk, tmp_path: Path) -> None:
    assert desk.type("export", "--format", "parquet", "-o", str(tmp_path / "x.parquet"), "--directory", str(tmp_path)).code == 0
    names, columns = read((tmp_path / "x.parquet").read_bytes())
    table = {name: column for (name, _), column in zip(names, columns, strict=True)}
    assert list(table) == ["time", "device", "point", "unit", "value", "quality", "reason", "text"]
    assert table["reason"].count("timeout") == 60
    assert len(table["time"]) == 540
    assert sum(value for value, point in zip(table["value"], table["point"], strict=True) if point == "running" and value) == 80
    assert table["text"].count("=manual") == 90
    hours = ("export", "--grain", "minute", "--format", "parquet", "-o", str(tmp_path / "m.parquet"), "--directory", str(tmp_path))
    assert desk.type(*hours).code == 0
    names, columns = read((tmp_path / "m.parquet").read_bytes())
    assert [name for name, _ in names][-4:] == ["max", "mean", "last", "text"]
    assert len(columns[0]) >= 180
