"""Registers of the meters: Eastron SDM630 (FC04, float32), Acrel DTSD1352 (FC03, integers), and a generic water meter (FC03)."""

import math
from typing import Final

from edgeguard.core.register import Table
from edgeguard.simulator.electricity import Meter, Three
from edgeguard.simulator.registers import Image, Span, Words, bits
from edgeguard.simulator.water import WaterMeter

SDM630_SPANS: Final = (Span(Table.INPUT, 0, 399),)
DTSD1352_SPANS: Final = (Span(Table.HOLDING, 0, 127), Span(Table.HOLDING, 350, 400))
WATER_SPANS: Final = (Span(Table.HOLDING, 0, 4),)
MPA_PER_BAR: Final = 0.1
THD_PERCENT: Final[Three] = (2.1, 2.4, 2.2)


def _apparent(active: float, reactive: float) -> float:
    return math.hypot(active, reactive)


def _factor(active: float, reactive: float) -> float:
    """Power factor; 1 without a load, as meters show it."""
    apparent = math.hypot(active, reactive)
    return active / apparent if apparent > 0.0 else 1.0


def _floats(words: Words, first: int, figures: Three) -> None:
    for phase, figure in enumerate(figures):
        words.float32(first + 2 * phase, figure)


def _lines(volts: Three) -> Three:
    """Line-to-line voltages L1-L2, L2-L3, L3-L1 of phases 120 degrees apart."""
    a, b, c = volts
    return math.sqrt(a * a + b * b + a * b), math.sqrt(b * b + c * c + b * c), math.sqrt(c * c + a * a + c * a)


def sdm630_image(meter: Meter) -> Image:
    """The main meter: everything it imports, nothing it exports."""
    words = Words()
    active, reactive = meter.load.active_w, meter.load.reactive_var
    pairs = tuple(zip(active, reactive, strict=True))
    total_w, total_var = sum(active), sum(reactive)
    _floats(words, 0, meter.volts)
    _floats(words, 6, meter.amperes)
    _floats(words, 12, active)
    for phase, pair in enumerate(pairs):
        words.float32(18 + 2 * phase, _apparent(*pair))
        words.float32(30 + 2 * phase, _factor(*pair))
    _floats(words, 24, reactive)
    words.float32(52, total_w)
    words.float32(56, _apparent(total_w, total_var))
    words.float32(60, total_var)
    words.float32(62, _factor(total_w, total_var))
    words.float32(66, math.degrees(math.atan2(total_var, total_w)))
    words.float32(70, meter.hertz)
    words.float32(72, meter.total_kwh)
    words.float32(76, sum(meter.reactive_kvarh))
    _floats(words, 234, THD_PERCENT)
    words.float32(248, sum(THD_PERCENT) / 3)
    words.float32(342, meter.total_kwh)
    words.float32(344, sum(meter.reactive_kvarh))
    for first in (346, 358):
        _floats(words, first, meter.energy_kwh)
    for first in (364, 376):
        _floats(words, first, meter.reactive_kvarh)
    return Image(SDM630_SPANS, input=words)


def dtsd1352_image(meter: Meter) -> Image:
    """The sub-meter of lift and pumps; transformer ratios are 1."""
    words = Words()
    active, reactive = meter.load.active_w, meter.load.reactive_var
    words.int32(10, meter.total_kwh, 0.01)
    words.int32(20, 0.0)
    words.int32(40, sum(meter.reactive_kvarh), 0.01)
    words.int32(50, 0.0)
    for phase in range(3):
        words.uint16(97 + phase, meter.volts[phase], 0.1)
        words.uint16(100 + phase, meter.amperes[phase], 0.01)
        words.uint16(120 + phase, _lines(meter.volts)[phase], 0.1)
        words.int32(356 + 2 * phase, active[phase], 1.0)
        words.int32(364 + 2 * phase, reactive[phase], 1.0)
        words.int32(372 + 2 * phase, _apparent(active[phase], reactive[phase]), 1.0)
        words.int16(380 + phase, _factor(active[phase], reactive[phase]), 0.001)
    words.uint16(119, meter.hertz, 0.01)
    words.int32(362, sum(active), 1.0)
    words.int32(370, sum(reactive), 1.0)
    words.int32(378, _apparent(sum(active), sum(reactive)), 1.0)
    words.int16(383, _factor(sum(active), sum(reactive)), 0.001)
    return Image(DTSD1352_SPANS, holding=words)


def water_image(meter: WaterMeter) -> Image:
    """Volume in litres (32 bits), flow in 0.01 m3/h, status bits, pressure in kPa."""
    words = Words()
    words.uint32(0, math.floor(meter.volume_m3 * 1000.0))
    words.uint16(2, meter.flow_m3h, 0.01)
    words.uint16(3, bits((0, meter.reverse), (1, meter.leak), (2, meter.battery_low)))
    words.uint16(4, meter.pressure_bar * MPA_PER_BAR, 0.001)
    return Image(WATER_SPANS, holding=words)
