"""What a device of the site shows of the building at this moment: figures for its points, or registers by its maker's own list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from edgeguard.core.point import Kind, Point, Value
from edgeguard.core.profile import DeviceProfile
from edgeguard.simulator import quantities
from edgeguard.simulator.building import BuildingSpec, BuildingState
from edgeguard.simulator.cast import Part, Role, is_single_phase
from edgeguard.simulator.electricity import Meter
from edgeguard.simulator.lift_drive import Drive
from edgeguard.simulator.map_lift import lift_image
from edgeguard.simulator.map_meters import dtsd1352_image, sdm630_image, water_image
from edgeguard.simulator.map_pump import pump_image
from edgeguard.simulator.plausible import Course
from edgeguard.simulator.pump import PumpState
from edgeguard.simulator.quantities import Figures, in_unit
from edgeguard.simulator.registers import Image
from edgeguard.simulator.water import WaterMeter

ImageOf = Callable[[BuildingSpec, BuildingState, Role], Image]


def electricity_of(state: BuildingState, role: Role) -> Meter | None:
    """The meter that counts for this role."""
    match role.part:
        case Part.MAIN_METER:
            return state.main_meter
        case Part.PLANT_METER:
            return state.plant_meter
        case Part.FEEDER:
            return state.feeders[role.number]
        case _:
            return None


def water_of(state: BuildingState, role: Role) -> WaterMeter | None:
    """The same of water."""
    match role.part:
        case Part.WATER:
            return state.water
        case Part.ZONE:
            return state.zones[role.number]
        case _:
            return None


def figures_of(spec: BuildingSpec, state: BuildingState, role: Role, points: Sequence[Point]) -> Figures:
    """Everything that the part measures, by name; nothing if no physics stands behind it."""
    meter, water = electricity_of(state, role), water_of(state, role)
    if meter is not None:
        return quantities.electric(meter, is_single_phase(points))
    if water is not None:
        return quantities.water(water)
    match role.part:
        case Part.LIFT:
            return quantities.lift(spec.lift, state.lifts[role.number])
        case Part.PUMP:
            return quantities.pump(spec.pumps, state.sets[role.number // 2], role.number % 2)
        case Part.TANK:
            return quantities.tank(spec.pumps, state.sets[0])
        case _:
            return {}


def values_of(profile: DeviceProfile, figures: Figures, courses: Sequence[Course], t_s: float) -> list[Value]:
    """A value for every point: what is measured where it fits the point, else the point's own course."""
    values: list[Value] = []
    for point, course in zip(profile.points, courses, strict=True):
        figure = _fitting(point, figures.get(point.name))
        values.append(course(t_s) if figure is None else figure)
    return values


def _fitting(point: Point, figure: float | bool | str | None) -> Value | None:
    """A figure as this point's value: in its unit, within its range, as the number of its choice."""
    if figure is None:
        return None
    if point.kind is Kind.BOOLEAN:
        return figure if isinstance(figure, bool) else None
    if point.kind is Kind.TEXT:
        return next((number for number, labels in point.choices.items() if labels.en == figure), None)
    if isinstance(figure, bool | str):
        return None
    value = in_unit(figure, point.unit)
    if point.minimum is not None:
        value = max(value, point.minimum)
    return value if point.maximum is None else min(value, point.maximum)


def _main(_: BuildingSpec, state: BuildingState, role: Role) -> Image:
    return sdm630_image(electricity_of(state, role) or state.main_meter)


def _plant(_: BuildingSpec, state: BuildingState, role: Role) -> Image:
    return dtsd1352_image(electricity_of(state, role) or state.plant_meter)


def _water(_: BuildingSpec, state: BuildingState, role: Role) -> Image:
    return water_image(water_of(state, role) or state.water)


def _lift(spec: BuildingSpec, state: BuildingState, role: Role) -> Image:
    return lift_image(spec.lift, state.lifts[role.number], state.drives[role.number])


def _pump(spec: BuildingSpec, state: BuildingState, role: Role) -> Image:
    return pump_image(spec.pumps, state.sets[role.number // 2], role.number % 2)


MAPS: Final[Mapping[str, ImageOf]] = MappingProxyType(
    {
        "inovance-nice3000plus": _lift,
        "grundfos-cim200": _pump,
        "eastron-sdm630": _main,
        "acrel-dtsd1352": _plant,
        "generic-water-meter-modbus": _water,
    }
)
"""Profiles whose registers are written from the maker's list instead of the profile: there a wrong profile shows."""


def drifted(state: BuildingState, factor: float) -> BuildingState:
    """The building as instruments see it that read everything too high by the same factor, counters apart."""

    def meter(one: Meter) -> Meter:
        first, second, third = (volts * factor for volts in one.volts)
        return replace(one, load=one.load.times(factor), volts=(first, second, third))

    def water(one: WaterMeter) -> WaterMeter:
        return replace(one, flow_m3h=one.flow_m3h * factor, pressure_bar=one.pressure_bar * factor)

    def pump(one: PumpState) -> PumpState:
        return replace(one, head_m=one.head_m * factor, flow_m3h=one.flow_m3h * factor, power_w=one.power_w * factor)

    def drive(one: Drive) -> Drive:
        return replace(one, current_a=one.current_a * factor, bus_v=one.bus_v * factor, frequency_hz=one.frequency_hz * factor)

    return replace(
        state,
        main_meter=meter(state.main_meter),
        plant_meter=meter(state.plant_meter),
        feeders=tuple(meter(one) for one in state.feeders),
        water=water(state.water),
        zones=tuple(water(one) for one in state.zones),
        sets=tuple(replace(one, pumps=(pump(one.pumps[0]), pump(one.pumps[1]))) for one in state.sets),
        drives=tuple(drive(one) for one in state.drives),
    )
