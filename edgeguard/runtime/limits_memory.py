"""The file in which what devices have taught us survives a restart. A damaged file is forgotten, with a note, never a crash.

Only a device with the same profile (to the last byte) at the same address on the same bus gets back what was learned of it.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from edgeguard.config.fit import Taught
from edgeguard.config.site import Remembered
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.limits import LEARNED_FILE_BYTES, MAX_DEVICES, MAX_POINTS_PER_DEVICE, MAX_REQUEST_DELAY_MS, MAX_TIMEOUT_MS
from edgeguard.core.point import Labels
from edgeguard.core.register import Table
from edgeguard.core.site import DeviceSpec
from edgeguard.driver import Device
from edgeguard.driver.learned import Hole, LearnedLimits, Learner

_log = structlog.get_logger()

FILE_NAME: Final = "learned.json"
_FORMAT: Final = 1
_ABOUT: Final = 0.25
_SILENT: Final = "silent"
"""Key of an entry whose device has not answered once in a whole run, of so many rounds at least."""
_SILENT_ROUNDS: Final = 3
_DAMAGE: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a file can raise that is not there as it was written."""


class LimitsMemory:
    """What was learned, in `path`. `tell` takes the news of a file that cannot be read or written."""

    def __init__(self, path: Path, tell: HealthSink) -> None:
        self._path = path
        self._tell = tell
        self._kept: dict[str, Any] | None = None
        self._written = ""
        self._failing = False

    def recall(self, device: Device) -> bool:
        """Give a device back what was learned of it before, if it can take it. True if it answered in the last run, or may have."""
        entry = self._entries().get(str(device.name))
        if not isinstance(device, Learner) or entry is None or entry.get("is") != _identity(device.spec):
            return False
        try:
            learned = parsed(entry)
            device.recall(learned)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._forget(f"the entry of {device.name}: {error!r}")
            return False
        return learned.turnaround_ms > 0 and not entry.get(_SILENT)

    async def keep(self, devices: Iterable[Device]) -> None:
        """Write what these devices have learned, if it differs from what is in the file. Trouble of the disk is told once."""
        there, found = self._entries(), dict[str, dict[str, object]]()
        for device in devices:
            name, stats = str(device.name), device.stats
            if name in there and stats.failures == stats.polls >= _SILENT_ROUNDS:
                found[name] = {**there[name], _SILENT: True}
            elif isinstance(device, Learner) and device.learned != LearnedLimits():
                found[name] = self._entry(device.spec, device.learned)
        entries = {**there, **found}
        if len(entries) > MAX_DEVICES:
            entries = found
        text = json.dumps({"format": _FORMAT, "devices": entries}, ensure_ascii=False, indent=1, sort_keys=True)
        if text == self._written:
            return
        self._kept = entries
        try:
            await asyncio.to_thread(_replace, self._path, text)
        except OSError as error:
            if not self._failing:
                self._failing = True
                _log.warning("learned.unwritten", path=str(self._path), error=str(error))
            return
        self._failing, self._written = False, text

    def _entry(self, spec: DeviceSpec, learned: LearnedLimits) -> dict[str, object]:
        """What is to be written; a turnaround that is about the one in the file, or not known yet, is no reason to write."""
        entry = {"is": _identity(spec), **entry_of(learned)}
        before = self._entries().get(str(spec.name), {}).get("turnaround_ms")
        if isinstance(before, int) and (
            not learned.turnaround_ms or abs(learned.turnaround_ms - before) <= max(2.0, _ABOUT * before)
        ):
            entry["turnaround_ms"] = before
        return entry

    def _entries(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    def _read(self) -> dict[str, Any]:
        try:
            text = _text_of(self._path)
            entries = _entries_in(json.loads(text))
        except FileNotFoundError:
            return {}
        except _DAMAGE as error:
            self._forget(str(error) or repr(error))
            return {}
        self._written = text
        return entries

    def _forget(self, why: str) -> None:
        self._kept = {}
        text = Labels("设备限值记录损坏,重新学习", "what was learned of the devices cannot be read; it is learned anew")
        self._tell(Health("learned", "forgotten", ok=False, text=text, detail=f"{self._path}: {why}"[:500]))


def remembered(directory: Path, devices: Sequence[DeviceSpec]) -> Remembered:
    """What the file in a state directory knows of these devices, for whoever has no daemon; nothing where there is no file."""
    path = directory / FILE_NAME
    lessons: dict[DeviceName, Taught] = {}
    try:
        entries = _entries_in(json.loads(_text_of(path)))
        for spec in devices:
            entry = entries.get(str(spec.name))
            if entry is not None and entry.get("is") == _identity(spec):
                lessons[spec.name] = _lesson(parsed(entry))
    except FileNotFoundError:
        return Remembered()
    except _DAMAGE as error:
        return Remembered(trouble=f"{path}: {str(error) or repr(error)}"[:500])
    return Remembered(lessons)


def _lesson(learned: LearnedLimits) -> Taught:
    """What of it changes the cost of a plan."""
    by_size = learned.too_large > learned.largest > 0
    return Taught(
        turnaround_ms=learned.turnaround_ms,
        gap_ms=learned.gap_ms,
        largest=learned.largest if by_size else None,
        refused=frozenset(learned.refused),
        cuts=frozenset(learned.cuts),
    )


def _text_of(path: Path) -> str:
    """OSError or ValueError if there is no such text."""
    if path.stat().st_size > LEARNED_FILE_BYTES:
        raise ValueError("it is too long")
    return path.read_text(encoding="utf-8")


def _entries_in(data: Any) -> dict[str, Any]:
    """The entries of a file. KeyError, TypeError, ValueError or AttributeError if it is of another form."""
    entries: dict[str, Any] = data["devices"]
    if data["format"] != _FORMAT or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ValueError("it is of another form")
    return entries


def _identity(spec: DeviceSpec) -> str:
    return f"{spec.bus}:{spec.address}:{spec.profile.sha256}"


def entry_of(learned: LearnedLimits) -> Mapping[str, object]:
    """As JSON."""
    return {
        "refused": dict(learned.refused),
        "cuts": [[table.value, address] for table, address in learned.cuts],
        "holes": [[hole.table.value, hole.first, hole.last] for hole in learned.holes],
        "largest": learned.largest,
        "too_large": learned.too_large,
        "turnaround_ms": round(learned.turnaround_ms),
        "gap_ms": round(learned.gap_ms),
    }


def parsed(entry: Mapping[str, Any]) -> LearnedLimits:
    """From JSON. KeyError, TypeError, ValueError or AttributeError if it is not what `entry_of` makes."""
    refused = {PointName(str(name)): str(why)[:500] for name, why in entry["refused"].items()}
    cuts = tuple((Table(table), int(address)) for table, address in entry["cuts"])
    holes = tuple(Hole(Table(table), int(first), int(last)) for table, first, last in entry["holes"])
    if max(len(refused), len(cuts), len(holes)) > MAX_POINTS_PER_DEVICE:
        raise ValueError("more than a device can have")
    turnaround_ms, gap_ms = float(entry["turnaround_ms"]), float(entry.get("gap_ms", 0.0))
    if not (0.0 <= turnaround_ms <= MAX_TIMEOUT_MS and 0.0 <= gap_ms <= MAX_REQUEST_DELAY_MS):
        raise ValueError(f"no device thinks {turnaround_ms} ms, or needs {gap_ms} ms of silence")
    return LearnedLimits(refused, cuts, holes, int(entry["largest"]), int(entry["too_large"]), turnaround_ms, gap_ms)


def _replace(path: Path, text: str) -> None:
    """Complete or not at all."""
    partial = path.with_name(f".{path.name}.new")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
