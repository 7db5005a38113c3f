"""What a person wants scanned, as text from a command line or a socket, and the walk that it means on a given wire."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.line import BAUDRATES, LineSettings, Parity, Protocol
from edgeguard.core.site import BusSpec
from edgeguard.discovery.walk import MODBUS_UNITS, Walk, likely_lines, line_walk, network_walk

_PARITIES: Final[Mapping[str, Parity]] = {
    "n": Parity.NONE,
    "none": Parity.NONE,
    "e": Parity.EVEN,
    "even": Parity.EVEN,
    "o": Parity.ODD,
    "odd": Parity.ODD,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What to try; empty means what is usual in the field."""

    baudrates: tuple[int, ...] = ()
    parities: tuple[Parity, ...] = ()
    protocols: tuple[Protocol, ...] = ()
    units: tuple[int, ...] = ()

    @classmethod
    def parse(cls, baudrates: Sequence[str], parities: Sequence[str], protocols: Sequence[str], units: str) -> "Wish":
        """ValueError with a sentence for whoever wrote it."""
        for text in baudrates:
            if not text.isdecimal() or int(text) not in BAUDRATES:
                raise ValueError(f"{text!r} is no speed of a serial line; there are {', '.join(map(str, BAUDRATES))}")
        for text in parities:
            if text.lower() not in _PARITIES:
                raise ValueError(f"{text!r} is no parity; there are N, E and O")
        for text in protocols:
            if text not in tuple(Protocol):
                raise ValueError(f"{text!r} is no protocol; there are {', '.join(Protocol)}")
        return cls(
            tuple(int(text) for text in baudrates),
            tuple(_PARITIES[text.lower()] for text in parities),
            tuple(Protocol(text) for text in protocols),
            _units(units),
        )


def walk_of(wish: Wish, bus: BusSpec, settled: Collection[LineSettings] = ()) -> Walk:
    """The questions that the wish means on this wire. `settled`: settings at which devices of it are known to answer."""
    if not bus.wire.is_line:
        return network_walk(wish.units) if wish.units else network_walk()
    protocols = wish.protocols or ((Protocol.MODBUS,) if bus.wire.is_ascii else tuple(Protocol))
    if bus.wire.is_port:
        lines = likely_lines(protocols, wish.baudrates, wish.parities)
        if not wish.baudrates and not wish.parities:
            lines = {protocol: [*settled, *usual] for protocol, usual in lines.items()}
    else:
        # an adapter's settings are not ours to change
        lines = {protocol: [bus.line] for protocol in protocols}
    return line_walk(lines, wish.units or MODBUS_UNITS, tuple(settled))


def _units(text: str) -> tuple[int, ...]:
    units: dict[int, None] = {}
    for part in text.split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{part!r} is no address and no range of them, such as 1-32")
        low, high = int(first), int(last if dash else first)
        if not 0 <= low <= high <= 255:
            raise ValueError(f"{part!r} is outside of 0 to 255")
        units.update(dict.fromkeys(range(low, high + 1)))
    return tuple(units)
