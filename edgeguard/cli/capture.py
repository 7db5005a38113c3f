"""`capture` and `replay`: what passes on a wire kept as a file without secrets, and such a file served as a device."""

import asyncio
import contextlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer

from edgeguard.cli.output import console, print_json, styled
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean
from edgeguard.cli.wire_source import PortChoice, WireFacts, listen_to_daemon, listen_to_port
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.replay import Replay
from edgeguard.codec.scrub import Scrubber, Secrets
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.wire_recording import TimedFrame, WireRecording, dump_recording, parse_recording
from edgeguard.codec.words import describe
from edgeguard.config import ProfileLibrary
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import Permanent
from edgeguard.core.limits import RECORDING_BYTES, RECORDING_FRAMES
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.profile import AddressRange, DeviceProfile

_SECRET: Final = re.compile(r"serial|meter_number|device_number|asset|imei|iccid|mac_address")
"""Points whose registers tell which device it is."""
_LINE: Final = re.compile(r"(\d+) ([78])([NEO])([12])")


class Keeper:
    """Hears a wire and keeps every frame. `missed_records` were gone before they could be fetched."""

    def __init__(self) -> None:
        self.facts = WireFacts("", False, 0.0, "")
        self.sightings: list[Sighting] = []
        self.missed_records = 0
        self._wire = Dissector()

    @property
    def is_enough(self) -> bool:
        """A recording holds no more."""
        return len(self.sightings) >= RECORDING_FRAMES

    def begin(self, facts: WireFacts) -> None:
        """The wire is known."""
        self.facts = facts
        self._wire = Dissector(facts.network, facts.character_s)

    def heard(self, at_s: float, data: bytes, way: Way) -> None:
        """Bytes, or a moment of silence."""
        self.sightings += self._wire.feed(at_s, data, way) if data else self._wire.quiet(at_s)

    def failed(self, at_s: float, text: str) -> None:
        """Silence is kept as silence: no frame follows the request."""
        self.sightings += self._wire.finish()

    def missed(self, count: int) -> None:
        """The daemon had already forgotten some."""
        self.missed_records += count

    def finish(self) -> None:
        """The end."""
        self.sightings += self._wire.finish()


def capture(
    session: Session, bus: str | None, port: PortChoice | None, seconds: float, file: Path, profiles: Sequence[str]
) -> Exit:
    """What passes in so many seconds, into `file`; 1 when nothing did."""
    if (bus is None) == (port is None):
        raise typer.BadParameter("name a BUS of the daemon, or a --port that the daemon does not use")
    if file.exists():
        raise typer.BadParameter(f"{file} exists already; a recording is never overwritten")
    if not os.access(file.parent, os.W_OK):
        raise typer.BadParameter(f"{file} cannot be written: {file.parent} is not there, or not yours to write")
    secrets = _named_secrets(profiles)
    keeper = Keeper()
    if port is not None:
        listen_to_port(port, keeper, seconds)
    else:
        secrets = {**_secrets_of_bus(session, bus or ""), **secrets}
        listen_to_daemon(session, bus or "", keeper, seconds, 0.0)
    keeper.finish()
    scrubber = Scrubber(secrets)
    recording = recorded(keeper, scrubber, iso_utc(round(datetime.now(UTC).timestamp() * 1000)))
    try:
        file.write_text(dump_recording(recording), encoding="utf-8")
    except OSError as error:
        raise Permanent(f"{file} cannot be written: {error.strerror}") from error
    facts = {"file": str(file), "frames": len(recording.frames), "missed": keeper.missed_records, "addresses": scrubber.addresses}
    if session.json:
        print_json(facts)
    else:
        told = session.lang.say(
            f"{clean(str(file))}:{len(recording.frames)} 帧,{scrubber.addresses} 个表地址已替换",
            f"{clean(str(file))}: {len(recording.frames)} frames, {scrubber.addresses} meter addresses replaced",
        )
        console().print(told)
        if keeper.missed_records:
            missed = session.lang.say(f"! 漏掉 {keeper.missed_records} 条", f"! {keeper.missed_records} records were missed")
            console().print(styled(missed, "yellow"))
    return Exit.FINE if recording.frames else Exit.WRONG


def recorded(keeper: Keeper, scrubber: Scrubber, made: str) -> WireRecording:
    """What was kept, scrubbed, with times from its own beginning."""
    for seen in keeper.sightings:
        scrubber.note(seen)
    start_s = keeper.sightings[0].start_s if keeper.sightings else 0.0
    wire = Dissector(keeper.facts.network)
    frames: list[TimedFrame] = []
    latest_s = 0.0
    for seen in keeper.sightings[:RECORDING_FRAMES]:
        data = scrubber.scrub(seen)
        way = Way.OUT if seen.way is Way.OUT or (seen.way is Way.LINE and seen.sort is Sort.REQUEST) else Way.IN
        latest_s = max(latest_s, seen.start_s - start_s)
        words = next((describe(again).en for again in wire.feed(0.0, data, way)), "") if seen.sort.is_frame else seen.sort.value
        station = "" if seen.station is None or seen.form is None or isinstance(seen.station, str) else f"{seen.station}: "
        frames.append(TimedFrame(latest_s, max(latest_s, seen.end_s - start_s), way, data, station + words))
    how = "listening to another master" if keeper.facts.passive else "a bus of the gateway"
    return WireRecording(f"edgeguard capture, {how}", made, keeper.facts.network, keeper.facts.line, tuple(frames))


def _secrets_of_bus(session: Session, bus: str) -> Secrets:
    """What the profiles of the daemon's devices say of serial numbers; a profile that is not at hand says nothing."""
    library = ProfileLibrary.shipped()
    found: dict[int, Sequence[AddressRange]] = {}
    for device in call(session.socket, methods.DEVICES):
        if device.bus == bus and device.address.isdecimal() and len(device.address) <= 3 and device.profile in library.names():
            found[int(device.address)] = secret_ranges(library.get(device.profile))
    return found


def _named_secrets(profiles: Sequence[str]) -> dict[int, Sequence[AddressRange]]:
    library = ProfileLibrary.shipped()
    found: dict[int, Sequence[AddressRange]] = {}
    for pair in profiles:
        unit, _, name = pair.partition("=")
        if not unit.isdecimal() or name not in library.names():
            raise typer.BadParameter(f"{pair!r} is not UNIT=PROFILE with a profile of: edgeguard profile list")
        found[int(unit)] = secret_ranges(library.get(name))
    return found


def secret_ranges(profile: DeviceProfile) -> tuple[AddressRange, ...]:
    """The registers of a Modbus profile that tell which device it is."""
    return tuple(
        AddressRange(field.table, field.address, field.last)
        for point, field in zip(profile.points, profile.fields, strict=False)
        if _SECRET.search(point.name)
    )


def replay(session: Session, file: Path, port: Path | None, tcp: str | None, line: str | None, seconds: float | None) -> Exit:
    """Serve a recording until interrupted."""
    if (port is None) == (tcp is None):
        raise typer.BadParameter("say where: --port DEV or --tcp HOST:PORT")
    recording = load(file)
    device = Replay(recording)
    settings = line_of(line or recording.line or "9600 8N1")
    if not session.json:
        where = clean(f"{port} ({settings})" if port is not None else f"{_scheme(recording)}://{tcp}")
        told = session.lang.say(
            f"在 {where} 回放 {device.requests} 种请求,Ctrl-C 结束",
            f"{device.requests} requests are answered on {where}; Ctrl-C ends",
        )
        console().print(told)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(device, port, tcp, settings, seconds))
    if session.json:
        print_json({"asked": device.asked, "unknown": device.unknown})
    else:
        console().print(
            session.lang.say(
                f"被询问 {device.asked} 次,其中 {device.unknown} 次不在记录中",
                f"asked {device.asked} times, {device.unknown} of them for what is not in the recording",
            )
        )
    return Exit.FINE


def _scheme(recording: WireRecording) -> str:
    """What stands before the address in a site file: over a socket a line's frames stay what they were."""
    if recording.network:
        return "tcp"
    return "ascii+tcp" if any(frame.data.startswith(b":") for frame in recording.frames) else "rtu+tcp"


async def _serve(device: Replay, port: Path | None, tcp: str | None, line: LineSettings, seconds: float | None) -> None:
    from edgeguard.bus.replay_server import serve_on_port, serve_on_tcp

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            if port is not None:
                await serve_on_port(port, line, device)
            host, _, number = (tcp or "").rpartition(":")
            if not number.isdecimal() or int(number) > 65535:
                raise typer.BadParameter(f"{tcp!r} is not HOST:PORT")
            async with await serve_on_tcp(host.strip("[]") or "127.0.0.1", int(number), device) as server:
                await server.serve_forever()


def load(file: Path) -> WireRecording:
    """The recording in a file; BadParameter with words for people if there is none."""
    try:
        if file.stat().st_size > RECORDING_BYTES:
            raise typer.BadParameter(f"{file} is larger than a recording can be")
        return parse_recording(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not a recording of a wire: it is no text in UTF-8") from error
    except Permanent as error:
        raise typer.BadParameter(str(error)) from error


def line_of(text: str) -> LineSettings:
    """`9600 8E1` as settings."""
    found = _LINE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a line setting such as '9600 8E1'")
    baudrate, bits, parity, stop = found.groups()
    return LineSettings(int(baudrate), Parity(parity), int(bits), int(stop))
