"""Device profiles: one file read and checked as a whole, and the library that finds files by name."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from edgeguard.config.alarm_check import COMMS_LOST, check_alarm
from edgeguard.config.alarm_traits import in_profile, read_traits
from edgeguard.config.document import Document, document_of, read_content
from edgeguard.config.foreign_profile import FOREIGN_SECTION, foreign_part
from edgeguard.config.identify_check import ledger_of, rule_of
from edgeguard.config.identify_model import IdentifyTable, LedgerTable
from edgeguard.config.meter_profile import METER_SECTIONS, meter_part
from edgeguard.config.mistakes import Mistakes, did_you_mean, unknown_key
from edgeguard.config.point_check import check_point, field_of, point_of
from edgeguard.config.positions import KeyPath
from edgeguard.config.profile_model import AlarmTable, ModbusTable, PointTable, ProfileTable
from edgeguard.config.role_check import note_roles
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.alarm import PLAIN, AlarmTraits
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import ID_PATTERN, PointName, ProfileName
from edgeguard.core.limits import MAX_ALARMS_PER_DEVICE, MAX_POINTS_PER_DEVICE, MAX_PROFILE_FILES, PROFILES_KEPT
from edgeguard.core.point import Point
from edgeguard.core.profile import AddressRange, AlarmTemplate, DeviceProfile, Limits, ModbusLimits
from edgeguard.core.register import RegisterField, WordOrder

_SECTIONS = ("profile", "modbus", *METER_SECTIONS, FOREIGN_SECTION, "point", "alarm", "identify", "ledger")


LOCAL_PROFILES: Final = Path("/etc/edgeguard/profiles")
"""Where a machine's owner drops profiles that every site file on it may name."""


def shipped_configs() -> Path:
    """The folder with the shipped example and profiles: inside an installed package, beside it in a source tree."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "share" / "configs", package.parent / "configs"):
        if (folder / "profiles").is_dir():
            return folder
    raise ConfigError((f"{package}:1: file: the shipped profiles are not there; install the package anew",))


class ProfileLibrary:
    """Profiles by name, from folders of `NAME.toml` files; each file is read when first asked for, and once."""

    def __init__(self, directories: Iterable[Path]) -> None:
        """ConfigError if a folder cannot be listed, or if two files bear one name."""
        self.directories = tuple(directories)
        self._paths: dict[str, Path] = {}
        self._loaded: dict[str, DeviceProfile] = {}
        doubles = [double for folder in self.directories for double in self._take(folder)]
        if doubles:
            raise ConfigError(tuple(doubles))

    @classmethod
    def shipped(cls, *extra: Path) -> "ProfileLibrary":
        """The profiles that come with the product, and those of further folders."""
        return cls((shipped_configs() / "profiles", *extra))

    @classmethod
    def at_hand(cls, *extra: Path, local: Path = LOCAL_PROFILES) -> "ProfileLibrary":
        """What comes with the product, what the machine's owner has put into `local` if that is there, and further folders."""
        own = (local,) if local.is_dir() and local not in extra else ()
        return cls.shipped(*own, *extra)

    def with_directories(self, extra: Sequence[Path]) -> "ProfileLibrary":
        """A library that has further folders; folders that are there already are not taken twice."""
        new = [folder for folder in extra if folder not in self.directories]
        return ProfileLibrary((*self.directories, *new)) if new else self

    def names(self) -> tuple[str, ...]:
        """All names, sorted; whether each file is in order shows when it is loaded."""
        return tuple(sorted(self._paths))

    def path(self, name: str) -> Path:
        """The file of a profile. ConfigError if there is none of that name."""
        if name not in self._paths:
            raise ConfigError((f"{name}.toml:1: file: there is no profile of that name{did_you_mean(name, self._paths)}",))
        return self._paths[name]

    def get(self, name: str) -> DeviceProfile:
        """The profile, checked. ConfigError with every mistake in its file, or if there is none of that name."""
        if name not in self._loaded:
            self._loaded[name] = load_profile(self.path(name))
        return self._loaded[name]

    def _take(self, folder: Path) -> Iterable[str]:
        try:
            files = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and ID_PATTERN.match(path.stem))
        except OSError as error:
            yield f"{folder}:1: file: cannot be listed: {error.strerror}"
            return
        if len(files) > MAX_PROFILE_FILES:
            yield f"{folder}:1: file: holds {len(files)} profiles, at most {MAX_PROFILE_FILES} are taken"
            return
        for path in files:
            other = self._paths.setdefault(path.stem, path)
            if other != path:
                yield f"{path}:1: file: there is a profile of that name already, {other}; rename this one, inside and outside"


def load_profile(path: Path) -> DeviceProfile:
    """The profile in the file at `path`. ConfigError with every mistake, each with file, line and key path.

    The file is read each time, but judged again only when it holds something else: a site names few profiles for many devices,
    and is read anew with every change of it.
    """
    return _judged(path, read_content(path))


def examine_profile(path: Path, text: str) -> DeviceProfile:
    """The profile that a file at `path` with this text would be. ConfigError as in `load_profile`."""
    return _judged(path, text.encode())


@lru_cache(maxsize=PROFILES_KEPT)
def _judged(path: Path, content: bytes) -> DeviceProfile:
    document = document_of(path, content)
    mistakes, data = document.mistakes, document.data
    for key in data:
        if key not in _SECTIONS:
            mistakes.add((key,), unknown_key(key, _SECTIONS))
    head = _head(document)
    limits: Limits
    fields: tuple[RegisterField, ...]
    meter = meter_part(data, mistakes)
    foreign = foreign_part(data, mistakes)
    if foreign is not None:
        points, fields, limits = dict(foreign.points), (), foreign.limits
    elif meter is None:
        modbus = mistakes.examine(ModbusTable, data.get("modbus", {}), ("modbus",))
        modbus_limits = _limits(modbus, mistakes)
        points, fields = _points(data, mistakes, modbus_limits, modbus.word_order if modbus else WordOrder.BIG)
        limits = modbus_limits
    else:
        points, fields, limits = dict(meter.points), (), meter.limits
    _check_roles(data, points, mistakes)
    alarms = _alarms(data, mistakes, points)
    identify = mistakes.examine(IdentifyTable, data.get("identify", {}), ("identify",))
    forbidden = limits.forbidden if isinstance(limits, ModbusLimits) else ()
    rule = rule_of(identify or IdentifyTable(), points, written_names(data.get("point")), forbidden, mistakes)
    ledger = mistakes.examine(LedgerTable, data.get("ledger", {}), ("ledger",))
    entries = ledger_of(ledger or LedgerTable(), mistakes)
    mistakes.raise_if_any()
    assert head is not None  # noqa: S101 (otherwise there was a mistake)
    return DeviceProfile(
        name=ProfileName(head.name),
        maker=head.maker,
        model=head.model,
        kind=head.kind,
        labels=head.labels.value(),
        points=tuple(points.values()),
        fields=fields,
        limits=limits,
        alarms=alarms,
        source=head.source,
        trust=head.trust,
        sha256=document.sha256,
        template=head.template,
        identify=rule,
        ledger=entries,
        data=() if meter is None else meter.fields,
        places=() if foreign is None else foreign.places,
    )


def _head(document: Document) -> ProfileTable | None:
    mistakes = document.mistakes
    if "profile" not in document.data:
        mistakes.add(("profile",), "is missing: a profile starts with a [profile] table")
        return None
    head = mistakes.examine(ProfileTable, document.data["profile"], ("profile",))
    if head is not None and head.name != document.path.stem:
        mistakes.add(("profile", "name"), f'"{head.name}" must be the name of the file, "{document.path.stem}"')
    return head


def _limits(modbus: ModbusTable | None, mistakes: Mistakes) -> ModbusLimits:
    if modbus is None:
        return ModbusLimits()
    for i, area in enumerate(modbus.forbidden):
        if area.first > area.last:
            mistakes.add(("modbus", "forbidden", i), f"first {area.first} comes after last {area.last}")
    return ModbusLimits(
        max_registers=modbus.max_registers,
        max_bits=modbus.max_bits,
        max_gap=modbus.max_gap,
        forbidden=tuple(AddressRange(area.table, area.first, area.last) for area in modbus.forbidden),
        delay_ms=modbus.delay,
        timeout_ms=modbus.timeout,
    )


def _points(
    data: Mapping[str, Any], mistakes: Mistakes, limits: ModbusLimits, word_order: WordOrder
) -> tuple[dict[PointName, Point], tuple[RegisterField, ...]]:
    """The points that are in order, by name, and their fields."""
    points: dict[PointName, Point] = {}
    fields: list[RegisterField] = []
    names = FirstUse(mistakes, "point")
    places = FirstUse(mistakes, "field")
    rows = table_rows(data, "point", mistakes, MAX_POINTS_PER_DEVICE)
    if not data.get("point", []):
        mistakes.add(("point",), "is missing: a profile needs at least one [[point]]")
    for i, row in rows:
        path: KeyPath = ("point", i)
        fresh = names.claim((*path, "name"), text_of(row, "name"))
        raw = mistakes.examine(PointTable, row, path)
        if raw is None:
            continue
        findings = list(check_point(raw, limits))
        for key, sentence in findings:
            mistakes.add((*path, *key.split(".", 1)), sentence)
        if findings:
            continue
        field = field_of(raw, word_order)
        place = (field.table, field.address, field.words, field.type, field.bits, field.form)
        places.claim((*path, "address"), place, f"{field.table.value} {field.address}")
        if fresh:
            points[PointName(raw.name)] = point_of(raw)
            fields.append(field)
    return points, tuple(fields)


def _check_roles(data: Mapping[str, Any], points: Mapping[PointName, Point], mistakes: Mistakes) -> None:
    for i, row in table_rows(data, "point", Mistakes(mistakes.file), MAX_POINTS_PER_DEVICE):
        point = points.get(PointName(text_of(row, "name") or ""))
        if point is not None and "role" in row:
            note_roles(point, ("point", i), mistakes)


def _alarms(data: Mapping[str, Any], mistakes: Mistakes, points: Mapping[PointName, Point]) -> tuple[AlarmTemplate, ...]:
    alarms: list[AlarmTemplate] = []
    names = FirstUse(mistakes, "alarm")
    written = written_names(data.get("point"))
    for i, row in table_rows(data, "alarm", mistakes, MAX_ALARMS_PER_DEVICE):
        path: KeyPath = ("alarm", i)
        names.claim((*path, "name"), text_of(row, "name"))
        if row.get("name") == COMMS_LOST:
            mistakes.add((*path, "name"), f'"{COMMS_LOST}" is the alarm that every device has already; choose another name')
        named = row.get("point")
        if isinstance(named, str) and named not in written:
            mistakes.add((*path, "point"), f'there is no point "{named}"{did_you_mean(named, written)}')
        raw = mistakes.examine(AlarmTable, row, path)
        if raw is None:
            continue
        point = points.get(PointName(raw.point or ""))
        if point is not None or raw.point is None:
            for key, sentence in check_alarm(point, raw.condition, raw.limit, raw.hysteresis):
                mistakes.add((*path, key), sentence)
        scope = in_profile({str(name): one for name, one in points.items()})
        alarms.append(template_of(raw, read_traits(raw, PLAIN, raw.condition, raw.severity, scope, path, mistakes)))
    check_parents(alarms, ("alarm",), mistakes)
    return tuple(alarms)


def check_parents(alarms: Sequence[AlarmTemplate], path: KeyPath, mistakes: Mistakes) -> None:
    """Parents by a short name must be alarms of the same profile."""
    known = {COMMS_LOST, *(alarm.name for alarm in alarms)}
    for i, alarm in enumerate(alarms):
        for parent in alarm.traits.parents:
            if "." in parent:
                mistakes.add((*path, i, "parents"), f"{parent}: a profile cannot speak of other devices")
            elif parent not in known or parent == alarm.name:
                mistakes.add((*path, i, "parents"), f'there is no other alarm "{parent}"{did_you_mean(parent, known)}')


def written_names(rows: object) -> set[str]:
    """The names in raw rows, also in rows that have other mistakes, so that a reference to them is not one more."""
    if not isinstance(rows, list):
        return set()
    return {name for row in rows if isinstance(row, Mapping) and isinstance(name := row.get("name"), str)}


def template_of(raw: AlarmTable, traits: AlarmTraits) -> AlarmTemplate:
    """An `[[alarm]]` as core knows it."""
    return AlarmTemplate(
        name=raw.name,
        condition=raw.condition,
        severity=raw.severity,
        text=raw.text.value(),
        point=None if raw.point is None else PointName(raw.point),
        limit=raw.limit,
        hysteresis=raw.hysteresis,
        on_delay_ms=raw.on_delay,
        off_delay_ms=raw.off_delay,
        traits=traits,
    )
