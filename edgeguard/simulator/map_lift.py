"""Registers of an Inovance NICE3000+ lift controller (FC03), as technicians' lists give them.

Five islands of addresses; a read beyond one of them is refused. The writable ones (reset, lock, run) are refused as well:
a monitoring port does not drive a lift.
"""

from typing import Final

from edgeguard.core.register import Table
from edgeguard.simulator.lift import E12_PHASE_LOST, Car, LiftSpec, LiftState, floor_of
from edgeguard.simulator.lift_drive import Drive
from edgeguard.simulator.registers import Image, Span, Words, bits

SPANS: Final = (
    Span(Table.HOLDING, 0x1010, 0x1023),
    Span(Table.HOLDING, 0x2000, 0x2005),
    Span(Table.HOLDING, 0x2010, 0x201B),
    Span(Table.HOLDING, 0x3000, 0x3000),
    Span(Table.HOLDING, 0x8000, 0x8000),
)
MODE_FAULT: Final = 5
MODE_AUTOMATIC: Final = 7
MODE_RETURN: Final = 10
UP, DOWN, STOPPED = 1, 2, 3
FULL: Final = 0.9
OVERLOAD: Final = 1.1


def lift_image(spec: LiftSpec, state: LiftState, drive: Drive) -> Image:
    """The controller's registers at one moment."""
    words = Words()
    load = state.load_kg / spec.rated_load_kg
    words.uint16(0x1010, abs(state.speed_mps), 0.001)
    words.uint16(0x1011, spec.rated_speed_mps, 0.001)
    words.uint16(0x1012, drive.bus_v, 0.1)
    words.uint16(0x1013, drive.current_a, 0.01)
    words.uint16(0x1014, drive.frequency_hz, 0.01)
    words.uint16(0x1018, floor_of(spec, state) + 1)
    words.uint16(0x1019, state.position_m, 0.1)
    words.uint16(0x101A, 100.0 * load, 0.1)
    words.uint16(0x101B, _car_top_inputs(state, load))
    words.uint16(0x101C, bits((0, state.car is Car.OPENING and not state.fault), (1, state.car is Car.CLOSING and not state.fault)))
    words.uint16(0x101D, _system_state(state, load))
    words.int16(0x101E, drive.pretorque_percent, 0.1)
    words.uint16(0x101F, state.speed_mps**2 / (2 * spec.acceleration_mps2), 0.1)
    _terminals(words, spec, state)
    _calls(words, spec, state)
    words.uint16(0x3000, STOPPED if not state.speed_mps else UP if state.speed_mps > 0 else DOWN)
    words.uint16(0x8000, state.fault)
    return Image(SPANS, holding=words)


def _car_top_inputs(state: LiftState, load: float) -> int:
    """Light curtains, door end switches, load switches; the second door does not exist and reports closed."""
    return bits(
        (0, state.curtain),
        (2, state.door >= 1.0),
        (4, state.door <= 0.0),
        (5, True),
        (6, load >= FULL),
        (7, load >= OVERLOAD),
    )


def _system_state(state: LiftState, load: float) -> int:
    """Mode in bits 4-7, what the car does in bits 8-11."""
    mode = MODE_FAULT if state.fault else MODE_RETURN if state.rescuing else MODE_AUTOMATIC
    return bits((0, state.curtain), (12, load >= FULL), (13, load >= OVERLOAD)) | mode << 4 | state.car << 8


def _terminals(words: Words, spec: LiftSpec, state: LiftState) -> None:
    """Levelling switches (input 1, 2), brake and contactor feedback (3, 4); outputs: brake, contactor; safety and door lock."""
    levelled = abs(state.position_m - floor_of(spec, state) * spec.floor_height_m) < spec.levelling_m
    moving = state.car in (Car.RUNNING, Car.STOPPING) and not state.fault
    words.uint16(0x1015, bits((0, levelled), (1, levelled), (2, moving), (3, moving)))
    words.uint16(0x1017, bits((0, moving), (1, moving)))
    words.uint16(0x1022, bits((0, state.fault != E12_PHASE_LOST), (1, state.door <= 0.0)))


def _calls(words: Words, spec: LiftSpec, state: LiftState) -> None:
    """Car calls: 8 floors a register. Landing calls: 4 floors a register, up and down side by side."""
    car = {passenger.destination for passenger in state.riding}
    landing = {(passenger.origin, passenger.heading) for passenger in state.waiting}
    for first in range(0, spec.floors, 8):
        words.uint16(0x2000 + first // 8, bits(*((bit, first + bit in car) for bit in range(8))))
    for first in range(0, spec.floors, 4):
        pairs = [(2 * floor + (side < 0), (first + floor, side) in landing) for floor in range(4) for side in (1, -1)]
        words.uint16(0x2010 + first // 4, bits(*pairs))
