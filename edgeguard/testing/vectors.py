"""Test vectors of the meter protocols: frames that public sources print, each with where it is from and what it means."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeguard.core.point import Value


@dataclass(frozen=True, slots=True)
class Vector:
    """A frame as printed. `station`, `control` and `data` are what is in it, all None for a frame that must be rejected.

    `values` are by the name of the item, "" where the identifier has only one; None where the meter gives no value.
    """

    name: str
    frame: bytes
    meaning: str
    origin: str
    station: str | None
    control: int | None
    data: bytes | None
    identifier: str | None
    values: Mapping[str, Value | None]


def load_vectors(path: Path) -> tuple[Vector, ...]:
    """The vectors in a JSON file."""
    return tuple(
        Vector(
            name=row["name"],
            frame=bytes.fromhex(row["frame"]),
            meaning=row["meaning"],
            origin=row["origin"],
            station=row.get("station"),
            control=int(row["control"], 16) if "control" in row else None,
            data=bytes.fromhex(row["data"]) if "data" in row else None,
            identifier=row.get("identifier"),
            values=row.get("values", {}),
        )
        for row in json.loads(path.read_text(encoding="utf-8"))
    )
