"""The `[[bus]]` rows: each wire once, whatever it is called, and only the settings that it has."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeguard.config.endpoint import BUS_FORMS, PUBLIC_ADDRESS, Endpoint, bus_endpoint
from edgeguard.config.files import Files
from edgeguard.config.line_check import check_bits, line_of, refuse_line_keys
from edgeguard.config.mistakes import Mistakes
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.config.site_model import BusTable
from edgeguard.core.address import is_public
from edgeguard.core.ids import BusName
from edgeguard.core.limits import MAX_BUSES
from edgeguard.core.line import LineSettings
from edgeguard.core.site import BusSpec, TlsSpec, Wire

_ADVICE = "; put the devices of both on one bus, which keeps their turns"


def build_buses(data: Mapping[str, Any], files: Files) -> tuple[BusSpec, ...]:
    """The buses that are in order; every mistake in the others is added."""
    mistakes = files.mistakes
    buses: list[BusSpec] = []
    names, wires, ports = FirstUse(mistakes, "bus name"), FirstUse(mistakes, "endpoint"), FirstUse(mistakes, "port")
    for i, row in table_rows(data, "bus", mistakes, MAX_BUSES):
        path: KeyPath = ("bus", i)
        names.claim((*path, "name"), text_of(row, "name"))
        _claim_wire(row, path, wires)
        device = _claim_port(row, path, ports, files)
        raw = mistakes.examine(BusTable, row, path)
        if raw is None or not _has_one_wire(row, path, mistakes):
            continue
        spec = _port_bus(raw, device, path, mistakes) if device is not None else _network_bus(raw, path, files)
        if spec is not None:
            buses.append(spec)
    return tuple(buses)


def _has_one_wire(row: Mapping[str, Any], path: KeyPath, mistakes: Mistakes) -> bool:
    if "url" in row and "port" in row:
        mistakes.add((*path, "port"), "a bus has a port of this machine or a url, not both; make two buses of them")
        return False
    if "url" not in row and "port" not in row:
        mistakes.add(path, f'has no wire: {BUS_FORMS}, or port = "/dev/serial/by-path/..." for a serial port of this machine')
        return False
    return True


def _claim_wire(row: Mapping[str, Any], path: KeyPath, wires: FirstUse) -> None:
    """Two buses on one endpoint would not take turns; whatever else is wrong with the row, this is told."""
    url = text_of(row, "url")
    try:
        endpoint = bus_endpoint(url or "")
    except ValueError:
        return
    place = (endpoint.host, endpoint.port, endpoint.scheme == Wire.UDP.value)
    wires.claim((*path, "url"), place, f"{endpoint.host}:{endpoint.port}", _ADVICE)


def _claim_port(row: Mapping[str, Any], path: KeyPath, ports: FirstUse, files: Files) -> Path | None:
    """The port as written, its links unfollowed; two names that lead to one device are one port."""
    written = text_of(row, "port")
    if not written:
        return None
    where: KeyPath = (*path, "port")
    port = files.resolve(written, where)
    real = Path(os.path.realpath(port))
    shown = str(port) if real == port else f"{port} (which is {real})"
    ports.claim(where, str(real), shown, _ADVICE)
    try:
        is_port = stat.S_ISCHR(real.stat().st_mode)
    except OSError:
        files.mistakes.note(where, f"{port} is not there now; the gateway will wait for it")
        return port
    if not is_port:
        files.mistakes.add(where, f"{port} is not a serial port")
    return port


def _port_bus(raw: BusTable, device: Path, path: KeyPath, mistakes: Mistakes) -> BusSpec:
    if raw.parallel > 1:
        mistakes.add((*path, "parallel"), "must be 1 on a serial port: a serial line has one talker at a time")
    if "connect_timeout" in raw.model_fields_set:
        mistakes.add((*path, "connect_timeout"), "does nothing with a serial port; remove it")
    _refuse_tls_keys(raw, path, "does nothing with a serial port; remove it", mistakes)
    if raw.allow_public:
        mistakes.add((*path, "allow_public"), "does nothing with a serial port; remove it")
    wire = Wire(raw.framing or Wire.SERIAL_RTU.value)
    line = line_of(raw, LineSettings())
    check_bits(line, path, mistakes, wire.is_ascii)
    return BusSpec(BusName(raw.name), wire, delay_ms=raw.delay, device=device, line=line)


def _network_bus(raw: BusTable, path: KeyPath, files: Files) -> BusSpec | None:
    mistakes = files.mistakes
    endpoint = _endpoint(raw, path, mistakes)
    if endpoint is None:
        return None
    if is_public(endpoint.host) and not raw.allow_public:
        mistakes.add((*path, "url"), f"{endpoint.host} {PUBLIC_ADDRESS}")
    wire = Wire(endpoint.scheme)
    if wire.is_line:
        if raw.parallel > 1:
            mistakes.add((*path, "parallel"), f"must be 1 on {wire.value}: a serial line has one talker at a time")
        check_bits(line_of(raw, LineSettings()), path, mistakes, wire.is_ascii)
    else:
        refuse_line_keys(raw, path, f"does nothing on {wire.value}://, which has no serial line; remove it", mistakes)
    if raw.framing is not None:
        mistakes.add((*path, "framing"), f"is for serial ports; behind a url its scheme says it, here {wire.value}://")
    if wire is not Wire.TLS:
        _refuse_tls_keys(raw, path, f"does nothing with {wire.value}://, which has no TLS; use tls:// or remove it", mistakes)
    return BusSpec(
        name=BusName(raw.name),
        wire=wire,
        host=endpoint.host,
        port=endpoint.port,
        parallel=raw.parallel,
        connect_timeout_ms=raw.connect_timeout,
        delay_ms=raw.delay,
        line=line_of(raw, LineSettings()),
        tls=_tls(raw, path, files) if wire is Wire.TLS else None,
    )


def _tls(raw: BusTable, path: KeyPath, files: Files) -> TlsSpec:
    """Certificates of a TLS bus. Devices bear certificates of their maker or their building, so the authority must be named."""
    if raw.ca is None:
        files.mistakes.add((*path, "url"), "tls:// needs ca beside it: the authority that signed the device's certificate")
    for key, partner in (("certificate", "key"), ("key", "certificate")):
        if getattr(raw, key) is not None and getattr(raw, partner) is None:
            files.mistakes.add((*path, key), f"needs {partner} beside it")
    named = {
        key: None if written is None else files.readable(written, (*path, key), secret=key == "key")
        for key, written in (("ca", raw.ca), ("certificate", raw.certificate), ("key", raw.key))
    }
    return TlsSpec(**named)


def _refuse_tls_keys(raw: BusTable, path: KeyPath, why: str, mistakes: Mistakes) -> None:
    for key in ("ca", "certificate", "key"):
        if getattr(raw, key) is not None:
            mistakes.add((*path, key), why)


def _endpoint(raw: BusTable, path: KeyPath, mistakes: Mistakes) -> Endpoint | None:
    try:
        return bus_endpoint(raw.url or "")
    except ValueError as error:
        mistakes.add((*path, "url"), str(error))
        return None
