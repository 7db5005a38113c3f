"""Our DL/T 645 against somebody else's: the package dlt645 (3.x, Apache-2.0), where it is installed. Frames, layouts, values.

It is no dependency, not even of development: it writes logs into its own folder. `pip install dlt645` and run this file.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from edgeguard.codec.dlt645_framing import build_frame, frame_at
from edgeguard.codec.meter_frame import frames_in
from edgeguard.codec.meter_value import outcome_of
from edgeguard.core.dlt645_table import datum
from edgeguard.core.ids import PointName
from edgeguard.core.meter import Edition, MeterField, PartKind
from edgeguard.core.point import Kind, Labels, Point

theirs: Any = pytest.importorskip("dlt645.protocol.protocol", exc_type=ImportError).DLT645Protocol
transform: Any = pytest.importorskip("dlt645.common.transform", exc_type=ImportError)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "dlt645.json").read_text(encoding="utf-8"))


def their_forms() -> dict[str, str]:
    """Identifier to format, as they write it, of energies, demands and instantaneous values."""
    items: Any = import_module("dlt645.model.data.define").DIMap
    return {f"{di:08X}": item.data_format for di, item in items.items() if di >> 24 in (0, 1, 2) and hasattr(item, "data_format")}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_frames_are_read_alike(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["frame"])
    ours = next(iter(frames_in(raw, frame_at)), None)
    try:
        frame = theirs.deserialize(raw)
    except ValueError:
        frame = None
    assert (ours is None) is (frame is None)
    if ours is not None:
        assert bytes(frame.addr)[::-1].hex().upper() == ours.station
        assert (frame.ctrl_code, bytes(frame.data)) == (ours.control, ours.data)
        built = theirs.build_frame(bytes.fromhex(ours.station)[::-1], ours.control, ours.data, 0)
        assert bytes(built) == build_frame(ours.station, ours.control, ours.data)


@pytest.mark.slow
def test_values_are_read_alike() -> None:
    known = 0
    for identifier, form in their_forms().items():
        entry = datum(Edition.Y2007, identifier)
        if entry is None or entry.layout[0].kind is not PartKind.NUMBER:
            continue
        part = entry.layout[0]
        decimals, digits = transform.parse_format(form)
        assert (part.decimals, part.size * 2) == (decimals, digits), identifier
        point = Point(PointName("value"), Kind.NUMBER, Labels("量", "value"), decimals=decimals)
        for number in (0, 1, 12_345_678 % 10 ** (digits - 1)):
            data = bytes.fromhex(f"{number:0{digits}d}")[::-1]
            negative = data[:-1] + bytes((data[-1] | 0x80,))
            for raw in (data, negative) if part.signed else (data,):
                told = transform.bcd_to_float(raw, form, "little")
                assert outcome_of(point, MeterField(identifier, entry.layout), raw) == pytest.approx(told), (identifier, raw.hex())
        known += 1
    assert known > 100
