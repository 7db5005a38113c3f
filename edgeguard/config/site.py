"""A building's configuration: one file read, every mistake in it found at once, and the frozen Site it becomes."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgeguard.config.admission import refusal
from edgeguard.config.bus_check import build_buses
from edgeguard.config.camera_check import build_cameras
from edgeguard.config.certificate_alarms import certificate_alarms
from edgeguard.config.device_check import build_devices
from edgeguard.config.document import read_document
from edgeguard.config.energy_check import build_energy, with_energy_alarms
from edgeguard.config.files import Files
from edgeguard.config.fit import Lessons, load_of
from edgeguard.config.gate_check import build_gates
from edgeguard.config.gate_plates import build_parking
from edgeguard.config.group_check import build_groups
from edgeguard.config.maintenance_check import build_maintenance
from edgeguard.config.mistakes import Mistakes, TableT, unknown_key
from edgeguard.config.profiles import ProfileLibrary, written_names
from edgeguard.config.reaction_check import build_reactions
from edgeguard.config.secrecy import check_no_secrets
from edgeguard.config.site_alarms import build_site_alarms
from edgeguard.config.site_model import (
    CommandsTable,
    ControlTable,
    GatewayTable,
    HistoryTable,
    LogTable,
    ProfilesTable,
    StoreTable,
    UplinkTable,
)
from edgeguard.config.uplink_check import build_uplink
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import BusName, GatewayId, SiteId
from edgeguard.core.limits import SOCKET_PATH_MAX_BYTES
from edgeguard.core.point import Labels
from edgeguard.core.site import BusSpec, CommandsSpec, ControlSpec, DeviceSpec, HistorySpec, LogSpec, Site, StoreSpec, UplinkSpec

_SECTIONS: Final = (
    *("gateway", "uplink", "store", "history", "energy", "meter", "tariff", "control"),
    *("commands", "log", "profiles", "maintenance", "bus", "device", "group", "camera", "reaction", "alarm", "gate", "parking"),
)
SAMPLE: Final = (
    "is true: this is the shipped example, whose ids and broker are everybody's; say which building this is, with which broker and"
    " credentials, and remove the line"
)
FULL_SHARE: Final = 0.8
"""A bus that is busy for more than this share of its time has no room for retries and for a person's reads."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a state directory knows of a site's devices; `trouble` says why it cannot be read, empty if nothing is wrong."""

    lessons: Lessons = field(default_factory=dict)
    trouble: str = ""


Remember = Callable[[Path, Sequence[DeviceSpec]], Remembered]
"""Looks into a state directory for what these devices have taught."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A site without mistakes, and what a person should know about it: one printable line each.

    `lessons` is what was remembered of its devices. `over`: lines whose plan cannot be kept by those figures, though nothing
    speaks against it by the configuration alone; such a site runs, too slowly.
    """

    site: Site
    notes: tuple[str, ...]
    lessons: Lessons = field(default_factory=dict)
    over: tuple[BusName, ...] = ()


def load_site(path: Path, profiles: ProfileLibrary | None = None, folder: Path | None = None) -> Site:
    """The site in the file at `path`. ConfigError with every mistake, each as `FILE:LINE: key.path: sentence`.

    `profiles` are those that come with the product unless given; the file's own folders are added either way. Relative paths
    in the file start from `folder`, the file's own unless given.
    """
    return load_site_with_notes(path, profiles, folder=folder).site


def load_site_with_notes(
    path: Path,
    profiles: ProfileLibrary | None = None,
    environ: Mapping[str, str] | None = None,
    remember: Remember | None = None,
    folder: Path | None = None,
) -> Loaded:
    """The same with notes. `environ` is the process's unless given; CREDENTIALS_DIRECTORY alone is looked at.

    With `remember` the load of a bus is what its devices have taught, where they have; a mistake never comes of that.
    """
    document = read_document(path)
    mistakes, data = document.mistakes, document.data
    start = Path(os.path.abspath(path)).parent if folder is None else Path(os.path.abspath(folder))  # noqa: PTH100 (links stay)
    files = Files(start, os.environ if environ is None else environ, mistakes)
    _check_top(data, mistakes)
    check_no_secrets(data, mistakes)
    library = _library(data, files, profiles)
    gateway = _gateway(data, mistakes)
    uplink = _uplink(data, files)
    store = _store(data, files)
    history = _history(data, mistakes)
    control = _control(data, files)
    log = _section(data, "log", LogTable, mistakes)
    commands = _section(data, "commands", CommandsTable, mistakes)
    buses = build_buses(data, files)
    groups = build_groups(data, frozenset(written_names(data.get("device"))), mistakes)
    devices = build_devices(data, buses, library, files, groups)
    cameras = build_cameras(data, files)
    reactions = build_reactions(data, devices, mistakes)
    maintenance = build_maintenance(data, devices, mistakes)
    energy = build_energy(data, devices, mistakes)
    devices = with_energy_alarms(devices, energy)
    of_cameras = tuple(rule for camera in cameras for rule in camera.alarms)
    alarms = (*build_site_alarms(data, buses, devices, mistakes, of_cameras), *certificate_alarms(uplink))
    parking = build_parking(data, mistakes)
    gates = build_gates(data, devices, mistakes, cameras, parking.zones)
    mistakes.raise_if_any()
    assert gateway is not None  # noqa: S101 (otherwise there was a mistake)
    assert log is not None and commands is not None  # noqa: S101, PT018
    known = Remembered() if remember is None else remember(Path(store.directory), devices)
    _tell_memory(known, mistakes)
    over = _admit(buses, devices, known.lessons, mistakes)
    mistakes.raise_if_any()
    site = Site(
        site=SiteId(gateway.site),
        gateway=GatewayId(gateway.id),
        labels=gateway.labels.value() if gateway.labels else Labels(zh=gateway.id, en=gateway.id),
        uplink=uplink,
        store=store,
        control=control,
        log=LogSpec(log.level, log.format),
        buses=buses,
        devices=devices,
        source=path,
        sha256=document.sha256,
        commands=CommandsSpec(frozenset(commands.allow), frozenset(commands.may_change), commands.config_trial),
        maintenance=maintenance,
        alarms=alarms,
        profile_folders=library.directories,
        history=history,
        groups=groups,
        cameras=cameras,
        sample=gateway.sample,
        reactions=reactions,
        energy=energy,
        gates=gates,
        parking=parking,
    )
    return Loaded(site, mistakes.notes(), known.lessons, over)


def _check_top(data: Mapping[str, Any], mistakes: Mistakes) -> None:
    for key in data:
        if key not in _SECTIONS:
            mistakes.add((key,), unknown_key(key, _SECTIONS))
    if "bus" not in data:
        mistakes.note((), "there is no [[bus]], so nothing will be polled")
    elif "device" not in data:
        mistakes.note((), "there is no [[device]], so nothing will be polled")


def _section(data: Mapping[str, Any], key: str, model: type[TableT], mistakes: Mistakes, required: bool = False) -> TableT | None:
    """A section that may be left out when everything in it has a default."""
    if key in data and isinstance(data[key], list):
        mistakes.add((key,), f"there is only one: write [{key}] with single brackets")
        return None
    if required and key not in data:
        mistakes.add((key,), f"is missing: the file needs a [{key}] table with {' and '.join(_required(model))}")
        return None
    return mistakes.examine(model, data.get(key, {}), (key,))


def _required(model: type[TableT]) -> Sequence[str]:
    return [name for name, info in model.model_fields.items() if info.is_required()]


def _library(data: Mapping[str, Any], files: Files, given: ProfileLibrary | None) -> ProfileLibrary:
    """The profiles at hand; an empty library after a mistake that leaves none would hide others, so the base stays."""
    base = ProfileLibrary.at_hand() if given is None else given
    table = _section(data, "profiles", ProfilesTable, files.mistakes)
    library = base
    for i, written in enumerate(table.directories if table else ()):
        folder = files.directory(written, ("profiles", "directories", i))
        if folder is None:
            continue
        try:
            library = library.with_directories([folder])
        except ConfigError as error:
            files.mistakes.adopt(error)
    return library


def _gateway(data: Mapping[str, Any], mistakes: Mistakes) -> GatewayTable | None:
    raw = _section(data, "gateway", GatewayTable, mistakes, required=True)
    if raw is not None and raw.sample:
        mistakes.note(("gateway", "sample"), f"{SAMPLE}; until then no daemon starts with it")
    return raw


def _uplink(data: Mapping[str, Any], files: Files) -> UplinkSpec | None:
    if "uplink" not in data:
        files.mistakes.note((), "there is no [uplink]: the gateway works alone and keeps what it would send, up to store.max_size")
        return None
    raw = _section(data, "uplink", UplinkTable, files.mistakes)
    return None if raw is None else build_uplink(raw, files)


def _store(data: Mapping[str, Any], files: Files) -> StoreSpec:
    raw = _section(data, "store", StoreTable, files.mistakes) or StoreTable()
    return StoreSpec(
        directory=files.resolve(raw.directory, ("store", "directory")),
        max_bytes=raw.max_size,
        max_rows=raw.max_rows,
        max_age_ms=raw.max_age,
        telemetry_wait_ms=raw.telemetry_wait,
        telemetry_rows=raw.telemetry_rows,
    )


def _history(data: Mapping[str, Any], mistakes: Mistakes) -> HistorySpec:
    raw = _section(data, "history", HistoryTable, mistakes) or HistoryTable()
    for shorter, longer in (("raw", "minutes"), ("minutes", "hours")):
        if getattr(raw, shorter) > getattr(raw, longer):
            mistakes.add(("history", longer), f"is shorter than {shorter}: what is coarser is kept longer")
    return HistorySpec(raw.enabled, raw.max_size, raw.raw, raw.minutes, raw.hours, raw.write_every)


def _control(data: Mapping[str, Any], files: Files) -> ControlSpec:
    raw = _section(data, "control", ControlTable, files.mistakes) or ControlTable()
    socket = files.resolve(raw.socket, ("control", "socket"))
    if len(os.fsencode(socket)) > SOCKET_PATH_MAX_BYTES:
        files.mistakes.add(("control", "socket"), f"the path is too long for a Unix socket: at most {SOCKET_PATH_MAX_BYTES} bytes")
    return ControlSpec(socket, tuple(raw.operators))


def _tell_memory(known: Remembered, mistakes: Mistakes) -> None:
    if known.trouble:
        mistakes.note(("store", "directory"), f"what the devices have taught is left out: {known.trouble}")
    elif known.lessons:
        count = len(known.lessons)
        told = f"the load is computed with what {count} device{'s have' if count > 1 else ' has'} taught while running"
        mistakes.note(("store", "directory"), told)


def _admit(buses: Sequence[BusSpec], devices: Sequence[DeviceSpec], lessons: Lessons, mistakes: Mistakes) -> tuple[BusName, ...]:
    """A serial line whose plan cannot be kept is a mistake; what is only tight, or only guessed, is a note.

    So is what only the devices themselves have taught: no gateway may fail to start because a meter has become slow. Those
    lines are returned.
    """
    over: list[BusName] = []
    for i, bus in enumerate(buses):
        mine = [device for device in devices if device.bus == bus.name]
        load = load_of(bus, mine, lessons)
        refused = refusal(bus, mine)
        if load.requests_per_s == 0:
            mistakes.note(("bus", i), f"bus {bus.name} has no devices")
        elif refused is not None:
            mistakes.add(("bus", i), refused)
        elif (taught := refusal(bus, mine, lessons)) is not None:
            over.append(bus.name)
            mistakes.note(("bus", i), f"by what the devices have taught {taught}")
        elif load.share > FULL_SHARE:
            mistakes.note(
                ("bus", i),
                f"the plan does not fit: {load.requests_per_s:.0f} requests a second would keep bus {bus.name} busy for"
                f" {load.share:.0%} of the time; poll less often, or list fewer points",
            )
    return tuple(over)
