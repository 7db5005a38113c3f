"""What a simulated water or heat meter holds under the identifiers of CJ/T 188. Written apart from the gateway's tables."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edgeguard.simulator.bcd import bcd
from edgeguard.simulator.map_dlt645 import moment

KWH, KW, CUBIC_M, CUBIC_M_PER_H = 0x05, 0x17, 0x2C, 0x35
VALVE_CLOSED, BATTERY_LOW = 0x01, 0x04
CURRENT: Final = 0x901F
LONG: Final = 0x902F
HISTORY: Final = 0xD120
MONTH_M3: Final = 480.0


@dataclass(frozen=True, slots=True)
class WaterState:
    """A water or gas meter at one moment."""

    volume_m3: float
    at: datetime
    valve_closed: bool = False
    battery_low: bool = False

    @property
    def status(self) -> bytes:
        """ST0 and ST1."""
        return bytes((VALVE_CLOSED * self.valve_closed | BATTERY_LOW * self.battery_low, 0))


@dataclass(frozen=True, slots=True)
class HeatState:
    """A heat meter at one moment."""

    energy_kwh: float
    power_kw: float
    flow_m3h: float
    volume_m3: float
    supply_c: float
    return_c: float
    hours: float
    at: datetime
    status: bytes = b"\0\0"


def water_items(state: WaterState) -> dict[int, bytes]:
    """Identifier to data, behind the number of the question."""
    settled_m3 = max(0.0, state.volume_m3 - MONTH_M3)
    unit = bytes((CUBIC_M,))
    current = bcd(state.volume_m3, 4, 2) + unit + bcd(settled_m3, 4, 2) + unit
    items = {
        CURRENT: current + moment(state.at, "YYYYMMDDhhmmss") + state.status,
        LONG: bcd(state.volume_m3, 4, 3) + unit,
    }
    for month in range(12):
        items[HISTORY + month] = bcd(max(0.0, state.volume_m3 - MONTH_M3 * (month + 1)), 4, 2) + unit
    return items


def heat_items(state: HeatState, unit_first: bool) -> dict[int, bytes]:
    """The same of a heat meter; one family sends units before values."""

    def with_unit(data: bytes, unit: int) -> bytes:
        return bytes((unit,)) + data if unit_first else data + bytes((unit,))

    data = (
        with_unit(bcd(0.8 * state.energy_kwh, 4, 2), KWH)
        + with_unit(bcd(state.energy_kwh, 4, 2), KWH)
        + with_unit(bcd(state.power_kw, 4, 2), KW)
        + with_unit(bcd(state.flow_m3h, 4, 4), CUBIC_M_PER_H)
        + with_unit(bcd(state.volume_m3, 4, 2), CUBIC_M)
        + bcd(state.supply_c, 3, 2)
        + bcd(state.return_c, 3, 2)
        + bcd(state.hours, 3)
        + moment(state.at, "YYYYMMDDhhmmss")
        + state.status
    )
    return {CURRENT: data}
