"""The `[[bus]]` rows: each wire once, and serial ports politely declined."""

from collections.abc import Mapping
from typing import Any, Final

from edgeguard.config.endpoint import BUS_FORMS, Endpoint, bus_endpoint
from edgeguard.config.mistakes import Mistakes
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.config.site_model import BusTable
from edgeguard.core.ids import BusName
from edgeguard.core.limits import MAX_BUSES
from edgeguard.core.site import BusSpec, Wire

_SERIAL: Final = ("port", "baudrate", "parity", "bytesize", "stopbits")


def build_buses(data: Mapping[str, Any], mistakes: Mistakes) -> tuple[BusSpec, ...]:
    """The buses that are in order; every mistake in the others is added."""
    buses: list[BusSpec] = []
    names, wires = FirstUse(mistakes, "bus name"), FirstUse(mistakes, "endpoint")
    for i, row in table_rows(data, "bus", mistakes, MAX_BUSES):
        path: KeyPath = ("bus", i)
        names.claim((*path, "name"), text_of(row, "name"))
        if any(key in row for key in _SERIAL):
            _decline_serial(row, path, mistakes)
            row = {key: value for key, value in row.items() if key not in _SERIAL}  # noqa: PLW2901
            row.setdefault("url", "tcp://declined")
        else:
            _claim_wire(row, path, wires)
        raw = mistakes.examine(BusTable, row, path)
        if raw is None:
            continue
        endpoint = _endpoint(raw, path, mistakes)
        if endpoint is not None:
            buses.append(_spec(raw, endpoint))
    return tuple(buses)


def _decline_serial(row: Mapping[str, Any], path: KeyPath, mistakes: Mistakes) -> None:
    first = next(key for key in _SERIAL if key in row)
    mistakes.add((*path, first), f"serial ports are not in this version; {BUS_FORMS}")


def _claim_wire(row: Mapping[str, Any], path: KeyPath, wires: FirstUse) -> None:
    """Two buses on one endpoint would not take turns; whatever else is wrong with the row, this is told."""
    url = text_of(row, "url")
    try:
        endpoint = bus_endpoint(url or "")
    except ValueError:
        return
    shown = f"{endpoint.host}:{endpoint.port}"
    wires.claim(
        (*path, "url"), (endpoint.host, endpoint.port), shown, "; put the devices of both on one bus, which keeps their turns"
    )


def _endpoint(raw: BusTable, path: KeyPath, mistakes: Mistakes) -> Endpoint | None:
    try:
        endpoint = bus_endpoint(raw.url)
    except ValueError as error:
        mistakes.add((*path, "url"), str(error))
        return None
    if endpoint.scheme == Wire.RTU_OVER_TCP.value and raw.parallel > 1:
        mistakes.add((*path, "parallel"), "must be 1 on rtu+tcp: a serial line has one talker at a time")
    return endpoint


def _spec(raw: BusTable, endpoint: Endpoint) -> BusSpec:
    return BusSpec(
        name=BusName(raw.name),
        wire=Wire(endpoint.scheme),
        host=endpoint.host,
        port=endpoint.port,
        parallel=raw.parallel,
        connect_timeout_ms=raw.connect_timeout,
        delay_ms=raw.delay,
    )
