"""Scans through the daemon's own buses: begun, asked for their progress, stopped; one at a time on each bus.

A scan asks between the polls, at the lowest priority. One that nobody asks about any more is stopped.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from edgeguard.config import ProfileLibrary
from edgeguard.config.fit import load_of
from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.scan_views import FoundView, NoiseView, ScanView, ScoreView
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.identify import Score
from edgeguard.core.ids import BusName
from edgeguard.core.limits import SCAN_KEEPS_S, SCAN_LOOK_S, SCAN_WAIT_S
from edgeguard.core.line import LineSettings, Protocol, Station
from edgeguard.core.profile import Cjt188Limits, DeviceProfile, Dlt645Limits
from edgeguard.core.site import BusSpec, DeviceSpec
from edgeguard.discovery import Explorer, Found, Progress
from edgeguard.discovery.wish import Wish, walk_of
from edgeguard.runtime.field import Unit
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.scan_pace import paces_s
from edgeguard.runtime.show import device_state, labels_view


class ScanUnderWay(Permanent):
    """A bus bears one scan at a time."""


@dataclass(slots=True)
class _Scan:
    """One scan and its task; `asked_s` is when somebody last wanted to know (loop time)."""

    explorer: Explorer
    task: asyncio.Task[None]
    unit: Unit
    profiles: dict[str, DeviceProfile] = field(default_factory=dict)
    asked_s: float = 0.0


class ScanHandlers:
    """The part of the handler table that is about scans."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._scans: dict[BusName, _Scan] = {}

    def table(self) -> dict[str, Handler]:
        """Method name -> handler."""
        return {"scan-start": self.start, "scan-progress": self.progress, "scan-stop": self.stop}

    async def start(self, call: Call) -> ScanView:
        """Begin to scan a bus. Its configured devices are not asked, but for those that are silent: they may be set otherwise."""
        unit = self._unit(call.text("bus"))
        name = unit.spec.bus.name
        try:
            wish = Wish.parse(call.texts("baudrates"), call.texts("parities"), call.texts("protocols"), call.text("units"))
        except ValueError as error:
            raise BadArguments(str(error)) from None
        profiles = await asyncio.to_thread(known_profiles, self._gateway.site.profile_folders, unit.spec.devices)
        unit = self._unit(name)  # a reload may have come in between, and another scan; from here on nothing can
        running = self._scans.get(name)
        if running is not None and not running.task.done():
            raise ScanUnderWay(f"bus {name} is being scanned already; stop that first")
        settled = dict.fromkeys((unit.spec.bus.line, *(device.line for device in unit.spec.devices if device.line is not None)))
        walk, known = walk_of(wish, unit.spec.bus, tuple(settled)), known_stations(self._not_silent(unit.spec.devices))
        busy = load_of(unit.spec.bus, unit.spec.devices).share if unit.spec.bus.wire.is_line else 0.0
        explorer = Explorer(unit.bus, walk, profiles, known, busy)
        loop = asyncio.get_running_loop()
        task = loop.create_task(explorer.run(), name=f"scan.{name}")
        scan = _Scan(explorer, task, unit, {profile.name: profile for profile in profiles}, loop.time())
        self._scans[name] = scan
        loop.call_later(SCAN_KEEPS_S, self._look_after, scan)
        return scan_view(unit.spec.bus, explorer.progress, scan.profiles, unit.spec.devices)

    async def progress(self, call: Call) -> ScanView:
        """How far it is; waits a little for more than `asked` questions to have been asked, or for the end."""
        scan = self._scan(call)
        loop = asyncio.get_running_loop()
        scan.asked_s = loop.time()
        seen = call.value("asked") if "asked" in call.args else -1
        until_s = loop.time() + SCAN_WAIT_S
        while not scan.task.done() and scan.explorer.progress.asked == seen and loop.time() < until_s:
            await asyncio.wait({scan.task}, timeout=SCAN_LOOK_S)
        if scan.task.done():
            scan.task.result()
        return scan_view(scan.unit.spec.bus, scan.explorer.progress, scan.profiles, scan.unit.spec.devices)

    async def stop(self, call: Call) -> ScanView:
        """End it with what it has found."""
        scan = self._scan(call)
        scan.explorer.stop()
        await asyncio.wait({scan.task}, timeout=SCAN_KEEPS_S / 2)
        return scan_view(scan.unit.spec.bus, scan.explorer.progress, scan.profiles, scan.unit.spec.devices)

    def _look_after(self, scan: _Scan) -> None:
        """Stop a scan whose asker has gone away."""
        if scan.task.done():
            return
        loop = asyncio.get_running_loop()
        if loop.time() - scan.asked_s >= SCAN_KEEPS_S:
            scan.explorer.stop()
            return
        loop.call_later(SCAN_KEEPS_S, self._look_after, scan)

    def _scan(self, call: Call) -> _Scan:
        name = BusName(call.text("bus"))
        scan = self._scans.get(name)
        if scan is None:
            raise UnknownName(f"bus {name} has not been scanned")
        return scan

    def _not_silent(self, devices: Sequence[DeviceSpec]) -> list[DeviceSpec]:
        records = self._gateway.pipeline.records
        return [device for device in devices if device.name not in records or device_state(records[device.name]) != "offline"]

    def _unit(self, name: str) -> Unit:
        for unit in self._gateway.field.units:
            if unit.spec.bus.name == name:
                return unit
        known = ", ".join(unit.spec.bus.name for unit in self._gateway.field.units) or "none"
        raise UnknownName(f"there is no bus {name} (there are: {known})")


def known_profiles(folders: Sequence[PurePath] = (), devices: Collection[DeviceSpec] = ()) -> list[DeviceProfile]:
    """All profiles in these folders, or those at hand on this machine, and those of the devices. One with mistakes is left out."""
    try:
        library = ProfileLibrary(Path(folder) for folder in folders) if folders else ProfileLibrary.at_hand()
    except ConfigError:
        library = ProfileLibrary.shipped()
    profiles = {str(device.profile.name): device.profile for device in devices}
    for name in library.names():
        with suppress(ConfigError):  # `check` tells of it, and no scan should wait for that
            profiles[name] = library.get(name)
    return list(profiles.values())


def known_stations(devices: Collection[DeviceSpec]) -> list[tuple[Protocol, Station]]:
    """What is configured on a bus already."""
    return [(_protocol_of(device.profile), device.address) for device in devices]


def _protocol_of(profile: DeviceProfile) -> Protocol:
    match profile.limits:
        case Dlt645Limits():
            return Protocol.DLT645
        case Cjt188Limits():
            return Protocol.CJT188
        case _:
            return Protocol.MODBUS


def scan_view(
    bus: BusSpec, progress: Progress, profiles: Mapping[str, DeviceProfile], polled: Sequence[DeviceSpec] = ()
) -> ScanView:
    """A scan as shown; `profiles` by name, `polled` what is on the bus already."""
    every_s = paces_s(bus, polled, progress.found, profiles) if progress.ended else (0.0,) * len(progress.found)
    configured = {(_protocol_of(device.profile), device.address): device.name for device in polled}
    return ScanView(
        bus=bus.name,
        asked=progress.asked,
        questions=progress.questions,
        elapsed_s=round(progress.elapsed_s, 1),
        expected_s=round(progress.expected_s, 1),
        rest_s=round(progress.rest_s, 1),
        doing=progress.doing,
        ended=progress.ended,
        found=tuple(
            _found_view(found, profiles, pace_s, configured.get((found.protocol, found.station), ""))
            for found, pace_s in zip(progress.found, every_s, strict=True)
        ),
        noises=tuple(NoiseView(n.protocol.value, str(n.station), _line(n.line), n.heard) for n in progress.noises),
        asking_s=round(progress.asking_s, 1),
        look_s=(round(progress.look_s[0], 1), round(progress.look_s[1], 1)),
    )


def _found_view(found: Found, profiles: Mapping[str, DeviceProfile], every_s: float, configured: str) -> FoundView:
    return FoundView(
        protocol=found.protocol.value,
        address=str(found.station),
        line=_line(found.line),
        variant=found.variant,
        said=labels_view(found.said),
        doubtful=found.doubtful,
        scores=tuple(_score_view(score, profiles) for score in found.scores),
        every_s=every_s,
        configured=configured,
    )


def _score_view(score: Score, profiles: Mapping[str, DeviceProfile]) -> ScoreView:
    return ScoreView(
        profile=score.profile,
        kind=profiles[score.profile].kind,
        value=round(score.value, 3),
        speaks_for=tuple(labels_view(finding.text) for finding in score.findings if finding.gained),
        speaks_against=tuple(labels_view(finding.text) for finding in score.findings if not finding.gained),
    )


def _line(line: LineSettings | None) -> str:
    return "" if line is None else str(line)
