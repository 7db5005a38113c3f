"""Registers of a Grundfos E-pump behind a CIM 200/500 module: status at 200, data at 300 (FC04), control at 100 (FC03, 06, 16).

Registers that a pump does not have read as 0xFFFF. Both pumps show the set's pressure and setpoint; the rest is their own.
"""

from dataclasses import replace
from typing import Final

from edgeguard.core.register import Table
from edgeguard.simulator.pump import S_PER_H, PumpState
from edgeguard.simulator.pumps import SetSpec, SetState, pressure_bar
from edgeguard.simulator.registers import Image, Refusal, Refused, Span, Words, bits

ABSENT: Final = 0xFFFF
SPANS: Final = (
    Span(Table.HOLDING, 100, 104, ABSENT),
    Span(Table.INPUT, 200, 230, ABSENT),
    Span(Table.INPUT, 300, 350, ABSENT),
)
CONTROL_WORD, MODE_REQUEST, SETPOINT_REQUEST = 100, 101, 103
REMOTE_ON: Final = 0b11
PRESSURE_MODE: Final = 4
UNIT_BAR: Final = 0
SOURCE_BUS: Final = 2
LINE_V: Final = 400.0


def pump_image(spec: SetSpec, state: SetState, index: int) -> Image:
    """The registers of pump 0 or 1 at one moment."""
    pump, alarm = state.pumps[index], state.control.alarm
    setpoint_percent = 100.0 * state.control.setpoint_bar / spec.sensor_bar
    runs = pump.speed > 0.0
    control, data = Words(), Words()
    control.uint16(CONTROL_WORD, REMOTE_ON if pump.commanded_on else 0b01)
    control.uint16(MODE_REQUEST, PRESSURE_MODE)
    control.uint16(SETPOINT_REQUEST, setpoint_percent, 0.01)
    data.uint16(200, _status(spec, state, pump))
    data.uint16(202, PRESSURE_MODE)
    data.uint16(203, 0)
    data.uint16(204, alarm)
    data.uint16(205, 0)
    data.uint16(208, UNIT_BAR)
    data.uint16(210, spec.sensor_bar, 0.001)
    data.uint16(224, SOURCE_BUS)
    data.uint16(300, pump.head_m, 0.01)
    data.uint16(301, pump.flow_m3h, 0.1)
    data.uint16(303, pump.speed * spec.pump.rated_rpm)
    data.uint16(304, pump.speed * spec.pump.rated_hz, 0.1)
    data.uint16(307, setpoint_percent, 0.01)
    data.uint16(308, pump.power_w / (3**0.5 * LINE_V * spec.pump.power_factor) if runs else 0.0, 0.1)
    data.uint32(311, pump.power_w)
    data.uint32(326, pump.run_s // S_PER_H)
    data.uint32(328, pump.powered_s // S_PER_H)
    data.uint32(331, int(pump.energy_kwh))
    data.uint16(337, setpoint_percent, 0.01)
    data.uint16(339, pressure_bar(spec, state.stored_m3), 0.001)
    return Image(SPANS, holding=control, input=data)


def _status(spec: SetSpec, state: SetState, pump: PumpState) -> int:
    alarm = bool(state.control.alarm)
    stopped = state.control.duty == 0 and not alarm
    return bits(
        (0, stopped),
        (8, True),
        (9, pump.speed > 0.0),
        (10, alarm),
        (13, pump.speed >= 1.0),
        (15, 0.0 < pump.speed <= spec.pump.min_speed),
    )


def write_pump(spec: SetSpec, state: SetState, index: int, address: int, words: list[int]) -> SetState:
    """The set after a write to a pump's control registers; Refused beyond them, or for a mode or setpoint it cannot take."""
    for place, word in enumerate(words, address):
        state = _write_one(spec, state, index, place, word)
    return state


def _write_one(spec: SetSpec, state: SetState, index: int, address: int, word: int) -> SetState:
    if address == CONTROL_WORD:
        pumps = list(state.pumps)
        pumps[index] = replace(pumps[index], commanded_on=not word & 1 or bool(word & 2))
        return replace(state, pumps=(pumps[0], pumps[1]))
    if address == MODE_REQUEST and word == PRESSURE_MODE:
        return state
    if address == SETPOINT_REQUEST and 0 < word <= 10_000:
        setpoint_bar = spec.sensor_bar * word / 10_000
        return replace(state, control=replace(state.control, setpoint_bar=setpoint_bar))
    raise Refused(Refusal.VALUE if address in (MODE_REQUEST, SETPOINT_REQUEST) else Refusal.ADDRESS)
