"""What a simulated electricity meter holds under the identifiers of DL/T 645, both editions. Written apart from our tables."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from edgeguard.simulator.bcd import bcd, digits_low_first
from edgeguard.simulator.electricity import Load, Meter

TARIFF_SHARES: Final = (0.08, 0.31, 0.24)
"""Tip, peak and valley; what is left is flat, so that the tariffs add up to the last digit."""
FROZEN_DAY_KWH: Final = 260.0
RELAY_OPEN_BITS: Final = 1 << 4 | 1 << 6
"""Of status word 3: the relay is open, and was told to be."""


@dataclass(frozen=True, slots=True)
class MeterState:
    """An electricity meter at one moment: what it counts, its number of 12 digits, its clock, its relay.

    `phases` is 1 for a single-phase meter: the whole load is on its one phase, and it has nothing to say of others.
    """

    meter: Meter
    number: str
    at: datetime
    relay_open: bool = False
    phases: int = 3

    @property
    def measured(self) -> Meter:
        """What the meter measures."""
        if self.phases == 3:
            return self.meter
        whole = self.meter
        load = Load((whole.load.total_w, 0.0, 0.0), (sum(whole.load.reactive_var), 0.0, 0.0))
        kwh, kvarh = (whole.total_kwh, 0.0, 0.0), (sum(whole.reactive_kvarh), 0.0, 0.0)
        return replace(whole, load=load, energy_kwh=kwh, reactive_kvarh=kvarh)


def tariffs_kwh(total_kwh: float) -> tuple[float, ...]:
    """The total, and what of it belongs to tip, peak, flat and valley; exact in hundredths."""
    cents = int(total_kwh * 100.0)
    tip, peak, valley = (int(cents * share) for share in TARIFF_SHARES)
    return tuple(part / 100.0 for part in (cents, tip, peak, cents - tip - peak - valley, valley))


def moment(at: datetime, letters: str) -> bytes:
    """A moment as meters send it, lowest byte first: `YYMMDDhhmm` and its kin; WW is the weekday, 00 for Sunday."""
    parts = {
        "YYYY": f"{at.year:04d}",
        "YY": f"{at.year % 100:02d}",
        "MM": f"{at.month:02d}",
        "DD": f"{at.day:02d}",
        "WW": f"{at.isoweekday() % 7:02d}",
        "hh": f"{at.hour:02d}",
        "mm": f"{at.minute:02d}",
        "ss": f"{at.second:02d}",
    }
    digits, rest = "", letters
    while rest:
        name = next(name for name in parts if rest.startswith(name))
        digits, rest = digits + parts[name], rest[len(name) :]
    return bytes.fromhex(digits)[::-1]


def items_2007(state: MeterState) -> dict[int, bytes]:
    """Identifier to data."""
    meter, at = state.measured, state.at
    items: dict[int, bytes] = {}
    for tariff, kwh in enumerate(tariffs_kwh(meter.total_kwh)):
        items[0x00000000 | tariff << 8] = bcd(kwh, 4, 2, signed=True)
        items[0x00010000 | tariff << 8] = bcd(kwh, 4, 2)
        items[0x00020000 | tariff << 8] = bcd(0, 4, 2)
    items[0x00030000] = bcd(sum(meter.reactive_kvarh), 4, 2, signed=True)
    items[0x00040000] = bcd(0, 4, 2)
    for phase, kwh in enumerate(meter.energy_kwh[: state.phases]):
        items[0x00150000 + 0x00140000 * phase] = bcd(kwh, 4, 2)
        items[0x00160000 + 0x00140000 * phase] = bcd(0, 4, 2)
    demand_kw = 1.4 * meter.load.total_w / 1000.0
    items[0x01010000] = bcd(demand_kw, 3, 4) + moment(at.replace(hour=18, minute=30), "YYMMDDhhmm")
    items.update(_instantaneous_2007(meter, state.phases))
    for word in range(1, 8):
        bits = RELAY_OPEN_BITS if word == 3 and state.relay_open else 0
        items[0x04000500 | word] = bits.to_bytes(2, "little")
    items |= {
        0x04000101: moment(at, "YYMMDDWW"),
        0x04000102: moment(at, "hhmmss"),
        0x0400010C: moment(at, "YYMMDDWWhhmmss"),
        0x04000401: digits_low_first(state.number),
        0x04000402: digits_low_first(state.number),
        0x04000404: _text("220V", 6),
        0x04000405: _text("5A", 6),
        0x04000406: _text("60A", 6),
        0x04000407: _text("1.0", 4),
        0x04000409: bcd(1600, 3),
        0x0400040B: _text("SIM645", 10),
    }
    frozen = tariffs_kwh(max(0.0, meter.total_kwh - FROZEN_DAY_KWH))
    items[0x05060001] = moment(at.replace(hour=0, minute=0), "YYMMDDhhmm")
    items[0x05060101] = b"".join(bcd(kwh, 4, 2) for kwh in frozen)
    return items


def _instantaneous_2007(meter: Meter, phases: int) -> Iterator[tuple[int, bytes]]:
    active = [watts / 1000.0 for watts in meter.load.active_w]
    reactive = [var / 1000.0 for var in meter.load.reactive_var]
    for phase in range(phases):
        yield 0x02010000 | phase + 1 << 8, bcd(meter.volts[phase], 2, 1)
        yield 0x02020000 | phase + 1 << 8, bcd(meter.amperes[phase], 3, 3, signed=True)
        angle = math.degrees(math.atan2(reactive[phase], active[phase])) % 360.0
        yield 0x02070000 | phase + 1 << 8, bcd(angle, 2, 1)
    for place, (kw, kvar) in enumerate(_with_total(active, reactive)[: 1 + phases]):
        kva = math.hypot(kw, kvar)
        yield 0x02030000 | place << 8, bcd(kw, 3, 4, signed=True)
        yield 0x02040000 | place << 8, bcd(kvar, 3, 4, signed=True)
        yield 0x02050000 | place << 8, bcd(kva, 3, 4, signed=True)
        yield 0x02060000 | place << 8, bcd(kw / kva if kva else 1.0, 2, 3, signed=True)
    yield 0x02800001, bcd(0.1, 3, 3, signed=True)
    yield 0x02800002, bcd(meter.hertz, 2, 2)
    yield 0x02800003, bcd(sum(active), 3, 4, signed=True)
    yield 0x02800004, bcd(sum(active), 3, 4, signed=True)
    yield 0x02800007, bcd(24.6, 2, 1, signed=True)
    yield 0x02800008, bcd(3.61, 2, 2)


def _with_total(active: Sequence[float], reactive: Sequence[float]) -> list[tuple[float, float]]:
    return [(sum(active), sum(reactive)), *zip(active, reactive, strict=True)]


def items_1997(state: MeterState) -> dict[int, bytes]:
    """Identifier to data."""
    meter, at = state.measured, state.at
    items: dict[int, bytes] = {}
    for tariff, kwh in enumerate(tariffs_kwh(meter.total_kwh)):
        items[0x9010 | tariff] = bcd(kwh, 4, 2)
        items[0x9020 | tariff] = bcd(0, 4, 2)
    items[0x9110], items[0x9120] = bcd(sum(meter.reactive_kvarh), 4, 2), bcd(0, 4, 2)
    active = [watts / 1000.0 for watts in meter.load.active_w]
    reactive = [var / 1000.0 for var in meter.load.reactive_var]
    for phase in range(state.phases):
        items[0xB611 + phase] = bcd(meter.volts[phase], 2)
        items[0xB621 + phase] = bcd(meter.amperes[phase], 2, 2)
    for place, (kw, kvar) in enumerate(_with_total(active, reactive)[: 1 + state.phases]):
        kva = math.hypot(kw, kvar)
        items[0xB630 + place] = bcd(kw, 3, 4)
        items[0xB640 + place] = bcd(kvar, 2, 2)
        items[0xB650 + place] = bcd(kw / kva if kva else 1.0, 2, 3)
    return items | {
        0xC010: moment(at, "YYMMDDWW"),
        0xC011: moment(at, "hhmmss"),
        0xC020: b"\0",
        0xC032: digits_low_first(state.number),
    }


def _text(text: str, size: int) -> bytes:
    """Characters, the last one first, as everything is sent."""
    return text.encode("ascii").ljust(size, b"\0")[::-1]
