"""Whether a bus can keep the pace that its devices are to be polled at: a lower bound, told before the first poll.

Counts requests as a reader with the profile's limits would at best need them, and the time they take at best, by the true
settings of the line. Formula for serial lines: a request of 8 characters, an answer of 5 + 2n, and the silence between frames
(MODBUS over Serial Line V1.02, 2.5.1); in ASCII 17 characters and 11 + 4n (2.5.2).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.limits import TURNAROUND_S
from edgeguard.core.meter_plan import answer_bytes, asks_of
from edgeguard.core.profile import DeviceProfile, ForeignLimits, ModbusLimits
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, DeviceSpec

TCP_REQUEST_MS: Final = 2.0
"""Round trip and turnaround of a wired Modbus TCP device that is in good health."""
METER_CHARACTERS: Final = 36
"""A meter's request with four bytes to wake it (20), and its answer (16) without what it holds: DL/T 645-2007, 5."""
METER_TURNAROUND_S: Final = 0.020
"""The shortest delay before a meter's answer that DL/T 645-2007, 6 allows."""
GAP_REGISTERS: Final = 16
"""Unwanted registers that are cheaper than another request, where the profile does not say."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a bus would be asked to do in one second: requests, and the share of the second that they take at best."""

    requests_per_s: float
    share: float


def load_of(bus: BusSpec, devices: Iterable[DeviceSpec]) -> Load:
    """The load of `bus` with its `devices`."""
    requests_per_s = busy = 0.0
    for device in devices:
        sizes = block_sizes(device.profile)
        took_ms = sum(_request_ms(bus, device, size) for size in sizes)
        requests_per_s += len(sizes) * 1000 / device.period_ms
        busy += took_ms / device.period_ms
    return Load(requests_per_s, busy / bus.parallel)


def _request_ms(bus: BusSpec, device: DeviceSpec, registers: int) -> float:
    pause_ms = max(bus.delay_ms, device.profile.limits.delay_ms)
    if not bus.wire.is_line:
        return TCP_REQUEST_MS + pause_ms
    line = device.line or bus.line
    silence_ms = max(1000 * line.silence_s, pause_ms)
    if not isinstance(device.profile.limits, ModbusLimits):
        return 1000 * ((METER_CHARACTERS + 2 * registers) * line.character_s + METER_TURNAROUND_S) + silence_ms
    characters = 28 + 4 * registers if bus.wire.is_ascii else 13 + 2 * registers
    return 1000 * (characters * line.character_s + TURNAROUND_S) + silence_ms


def block_sizes(profile: DeviceProfile) -> list[int]:
    """The sizes in registers (of two bytes) of the blocks that hold all points of a profile, at best."""
    sizes: list[int] = []
    limits = profile.limits
    if isinstance(limits, ForeignLimits):
        return [1]  # nobody here knows; its driver says how many requests a round takes once it runs
    if not isinstance(limits, ModbusLimits):
        return [-(-answer_bytes(ask, profile.data) // 2) for ask in asks_of(profile.data, limits)]
    for table in Table:
        spans = sorted({(field.address, field.last) for field in profile.fields if field.table is table})
        most = limits.max_bits if table.is_bits else limits.max_registers
        gap = GAP_REGISTERS if limits.max_gap is None else limits.max_gap
        blocks = _merge(spans, most, gap)
        sizes += [-(-size // 16) if table.is_bits else size for size in blocks]
    return sizes


def _merge(spans: Sequence[tuple[int, int]], most: int, gap: int) -> list[int]:
    blocks: list[tuple[int, int]] = []
    for first, last in spans:
        if blocks and first - blocks[-1][1] - 1 <= gap and last - blocks[-1][0] + 1 <= most:
            blocks[-1] = (blocks[-1][0], max(last, blocks[-1][1]))
        else:
            blocks.append((first, last))
    return [last - first + 1 for first, last in blocks]
