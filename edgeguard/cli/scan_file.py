"""The configuration that what was found is added to: what it holds already, and the rows at its end. Never leaves it wrong."""

import json
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer

from edgeguard.cli.scan_snippet import BusPlace
from edgeguard.cli.whole_file import write_whole
from edgeguard.core.errors import ConfigError, Permanent

_NEW_FILE: Final = """[gateway]
site = "my-site"                         # change these two before the platform sees them
id = "gateway-1"

"""


def taken_names(path: Path | None) -> tuple[str, ...]:
    """Names of devices in a file that is to be added to; nothing of one that is not there or not right."""
    return tuple(str(row.get("name")) for row in _rows(path, "device"))


def place_in(path: Path | None, place: BusPlace) -> BusPlace:
    """The scanned wire as this file has it: its row there with the devices on it, or a name for a row that is still free."""
    if place.exists:
        return place
    buses = tuple(_rows(path, "bus"))
    same = next((row for row in buses if _is_at(row.get(place.key), place)), None)
    if same is not None:
        name = str(same.get("name"))
        configured = {str(row.get("address")): str(row.get("name")) for row in _rows(path, "device") if row.get("bus") == name}
        line = _line_of(same) if place.key == "port" else ""
        return replace(place, name=name, line=line, exists=True, configured=configured)
    names, stem, number = {row.get("name") for row in buses}, place.name.rstrip("0123456789"), 1
    while f"{stem}{number}" in names:
        number += 1
    return replace(place, name=f"{stem}{number}")


def text_of(path: Path) -> str | None:
    """What the file holds that is to be added to, None where there is none yet. BadParameter if it cannot be added to."""
    try:
        if not os.access(path.parent, os.W_OK):
            raise typer.BadParameter(f"{path} cannot be written: {path.parent} is not there, or not yours to write")
        return path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{path} cannot be added to: {error}") from error


def add_rows(path: Path, text: str, profiles: Sequence[Path]) -> None:
    """Add to the file, or make it; a file that would then be wrong stays as it was. ConfigError with the mistakes."""
    from edgeguard.config import load_site_with_notes

    before = text_of(path)
    head = _new_file(profiles) if before is None else f"{before.rstrip()}\n\n"
    try:
        write_whole(path, f"{head}{text}")
    except OSError as error:
        raise Permanent(f"{path} cannot be written: {error.strerror}") from error
    try:
        load_site_with_notes(path)
    except ConfigError:
        if before is None:
            path.unlink()
        else:
            write_whole(path, before)
        raise


def _new_file(profiles: Sequence[Path]) -> str:
    """What a configuration begins with; it names the further folders that profiles were taken from."""
    folders = ", ".join(json.dumps(str(folder.resolve()), ensure_ascii=False) for folder in profiles)
    return f"{_NEW_FILE}[profiles]\ndirectories = [{folders}]\n\n" if folders else _NEW_FILE


def _rows(path: Path | None, table: str) -> Iterator[dict[str, Any]]:
    if path is None or not path.exists():
        return
    with suppress(OSError, ValueError):
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get(table, [])
        yield from (row for row in rows if isinstance(row, dict))


def _is_at(where: object, place: BusPlace) -> bool:
    if not isinstance(where, str):
        return False
    if place.key == "port":
        return os.path.realpath(where) == os.path.realpath(place.where)
    from edgeguard.config.endpoint import bus_endpoint

    with suppress(ValueError):
        return bus_endpoint(where) == bus_endpoint(place.where)
    return False


def _line_of(row: dict[str, Any]) -> str:
    """A port's own settings, as `9600 8N1`."""
    parity = str(row.get("parity", "N"))[:1].upper()
    return f"{row.get('baudrate', 9600)} {row.get('databits', 8)}{parity}{row.get('stopbits', 1)}"
