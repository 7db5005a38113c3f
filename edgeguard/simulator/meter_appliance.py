"""A meter of DL/T 645 or CJ/T 188 of a site: what it holds under each identifier, and what orders do to it.

What the maps do not know and the profile asks for is made up by the profile's own layout, as for any other profile.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from edgeguard.core.line import LineSettings
from edgeguard.core.meter import Dimension, Edition, Part, PartKind, UnitPlace
from edgeguard.core.point import Value
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits
from edgeguard.core.site import DeviceSpec
from edgeguard.simulator import cjt188_station, dlt645_station, map_cjt188, map_dlt645
from edgeguard.simulator.ailment import Ailment, Refusing, Stuck
from edgeguard.simulator.appliance import Health, House
from edgeguard.simulator.bcd import bcd
from edgeguard.simulator.building import BuildingState
from edgeguard.simulator.cast import Role, is_single_phase
from edgeguard.simulator.cjt188_station import Cjt188Station
from edgeguard.simulator.dlt645_station import E1997, E2007, Dlt645Station
from edgeguard.simulator.electricity import Meter
from edgeguard.simulator.map_cjt188 import CUBIC_M, CUBIC_M_PER_H, KW, KWH, HeatState, WaterState
from edgeguard.simulator.map_dlt645 import MeterState, moment
from edgeguard.simulator.plausible import courses
from edgeguard.simulator.shown import drifted, electricity_of, values_of, water_of
from edgeguard.simulator.unit import Unit
from edgeguard.simulator.wire import Station

TRIP = frozenset({0x1A, 0x1D})
CLOSE = frozenset({0x1B, 0x1C, 0x1E})
OPEN_VALVE, CLOSE_VALVE = 0x55, 0x99
_UNIT_BYTES: Mapping[Dimension, int] = {
    Dimension.VOLUME: CUBIC_M,
    Dimension.ENERGY: KWH,
    Dimension.POWER: KW,
    Dimension.FLOW: CUBIC_M_PER_H,
}


class MeterAppliance:
    """One meter. Its clock is the building's, until it is set."""

    def __init__(self, spec: DeviceSpec, role: Role, house: House, seed: int) -> None:
        self.spec = spec
        self.role = role
        self.health = Health()
        self.unit: Unit | None = None
        self.cut_off = False
        """Its relay is open, or its valve closed."""
        self._house = house
        self._seed = seed
        self._courses = courses(spec.profile, seed)
        self._phases = 1 if is_single_phase(spec.profile.points) else 3
        self._held: Mapping[int, bytes] | None = None
        self._clock_off = timedelta()

    def afflict(self, ailment: Ailment | None) -> None:
        """Make it ill, or well again."""
        self.health = Health(ailment, self._house.elapsed_s)
        self._held = None
        if isinstance(ailment, Stuck):
            self._held = self.items()

    def answer(self, unit: Unit, pdu: bytes) -> bytes:
        """It is no Modbus device."""
        raise AssertionError(f"{self.spec.name} is no Modbus unit: {unit.address}, {pdu.hex()}")

    def station(self, settings: LineSettings) -> Station:
        """The meter on a line."""
        limits, address = self.spec.profile.limits, own_address(self.spec, self._seed)
        if isinstance(limits, Dlt645Limits):
            return Dlt645Station(
                address,
                self.items,
                dlt645_station.Orders(control=self._relay, clock=self._set_clock, freeze=lambda _: True),
                settings,
                edition=E1997 if limits.edition is Edition.Y1997 else E2007,
                refuses=self._refuses,
            )
        assert isinstance(limits, Cjt188Limits)  # noqa: S101  there is no third kind of meter
        return Cjt188Station(
            address,
            self.items,
            lambda: self._water().status,
            cjt188_station.Orders(valve=self._valve),
            settings,
            high_first=not limits.low_first,
            refuses=self._refuses,
        )

    def items(self) -> Mapping[int, bytes]:
        """Everything that it holds now."""
        if self._held is not None:
            return self._held
        made_up = self._made_up()
        limits = self.spec.profile.limits
        if isinstance(limits, Dlt645Limits):
            meter = electricity_of(self._seen(), self.role) or Meter((100.0, 100.0, 100.0))
            state = MeterState(meter, own_address(self.spec, self._seed), self._now(), self.cut_off, self._phases)
            known = map_dlt645.items_1997(state) if limits.edition is Edition.Y1997 else map_dlt645.items_2007(state)
            return made_up | known
        assert isinstance(limits, Cjt188Limits)  # noqa: S101  there is no third kind of meter
        if limits.form.startswith("heat"):
            return made_up | map_cjt188.heat_items(self._heat(), unit_first=limits.form == "heat-unit-first")
        return made_up | map_cjt188.water_items(self._water())

    def _seen(self) -> BuildingState:
        factor = self.health.factor(self._house.elapsed_s)
        return self._house.state if factor == 1.0 else drifted(self._house.state, factor)

    def _now(self) -> datetime:
        return self._house.clock() + self._clock_off

    def _water(self) -> WaterState:
        meter = water_of(self._seen(), self.role)
        volume_m3 = 800.0 + self._house.elapsed_s / 9000.0 if meter is None else meter.volume_m3
        return WaterState(volume_m3, self._now(), self.cut_off, meter is not None and meter.battery_low)

    def _heat(self) -> HeatState:
        """A flat that is heated steadily: 4.2 kW of 62 to 41 degrees need 0.172 m3/h."""
        hours = 9_000.0 + self._house.elapsed_s / 3600.0
        factor = self.health.factor(self._house.elapsed_s)
        return HeatState(4.2 * hours, 4.2 * factor, 0.172 * factor, 0.172 * hours, 62.0 * factor, 41.0 * factor, hours, self._now())

    def _refuses(self) -> bool:
        return isinstance(self.health.ailment, Refusing)

    def _relay(self, order: int) -> bool:
        if order in TRIP | CLOSE:
            self.cut_off = order in TRIP
        return order in TRIP | CLOSE

    def _valve(self, order: int) -> bool:
        if order in (OPEN_VALVE, CLOSE_VALVE):
            self.cut_off = order == CLOSE_VALVE
        return order in (OPEN_VALVE, CLOSE_VALVE)

    def _set_clock(self, data: bytes) -> bool:
        """ss mm hh DD MM YY; what is no time is not taken."""
        try:
            ss, mm, hh, day, month, year = (int(f"{byte:02x}") for byte in data)
            told = datetime(2000 + year, month, day, hh, mm, ss, tzinfo=self._house.clock().tzinfo)
        except ValueError:
            return False
        self._clock_off = told - self._house.clock()
        return True

    def _made_up(self) -> dict[int, bytes]:
        """Identifiers of the profile, filled by its own layout."""
        profile = self.spec.profile
        values = values_of(profile, {}, self._courses, self._house.elapsed_s)
        chosen: dict[str, dict[int, tuple[Value, Dimension | None, float]]] = {}
        for field, value in zip(profile.data, values, strict=True):
            chosen.setdefault(field.identifier, {})[field.item] = (value, field.dimension, field.scale)
        layouts = {field.identifier: field.layout for field in profile.data}
        return {
            int(identifier, 16): b"".join(self._item(part, chosen[identifier].get(i)) for i, part in enumerate(layout))
            for identifier, layout in layouts.items()
        }

    def _item(self, part: Part, chosen: tuple[Value, Dimension | None, float] | None) -> bytes:
        value, dimension, scale = chosen or (0, None, 1.0)
        match part.kind:
            case PartKind.MOMENT:
                return moment(self._now(), part.form)
            case PartKind.DIGITS:
                return bytes.fromhex(f"{self._seed % 10 ** (2 * part.size):0{2 * part.size}d}")[::-1]
            case PartKind.TEXT:
                return b"SIM".ljust(part.size, b"\0")[: part.size][::-1]
            case PartKind.BITS:
                return bytes(part.size)
        number = float(value) / scale if not isinstance(value, str) else 0.0
        data = bcd(number, part.size, part.decimals, signed=part.signed)
        unit = bytes((_UNIT_BYTES.get(dimension or Dimension.VOLUME, CUBIC_M),))
        return {UnitPlace.NONE: data, UnitPlace.AFTER: data + unit, UnitPlace.BEFORE: unit + data}[part.unit]


def own_address(spec: DeviceSpec, seed: int) -> str:
    """The meter's address; where the site says everybody, as with a single meter, it has one of its own."""
    written = str(spec.address)
    digits = f"{seed:016d}"[-len(written) :]
    own = "".join(digit if one == "A" else one for one, digit in zip(written, digits, strict=True))
    if isinstance(spec.profile.limits, Cjt188Limits) and written.startswith("AA"):
        own = "10" + own[2:]
    return own
