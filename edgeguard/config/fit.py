"""Whether a bus can keep the pace that its devices are to be polled at: a lower bound, told before the first poll.

Counts requests as a reader with the profile's limits would at best need them, and the time they take at best, by the true
settings of the line. What a device has taught about itself takes the place of what is assumed of it. Formula for serial lines:
a request of 8 characters, an answer of 5 + 2n, and the silence between frames (MODBUS over Serial Line V1.02, 2.5.1); in ASCII
17 characters and 11 + 4n (2.5.2).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edgeguard.core.ids import DeviceName, PointName
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
class Taught:
    """What one device has taught, as far as it changes its cost: how long it thinks (0 if nobody knows), the silence that it needs
    between two requests, the most registers that it gives at a time (None for what its profile says), what it refuses, and the
    addresses at which a read must begin anew.
    """

    turnaround_ms: float = 0.0
    gap_ms: float = 0.0
    largest: int | None = None
    refused: frozenset[PointName] = frozenset()
    cuts: frozenset[tuple[Table, int]] = frozenset()


Lessons = Mapping[DeviceName, Taught]
"""What devices have taught; those that are not named have taught nothing."""
NO_LESSONS: Final[Lessons] = MappingProxyType({})
_NOTHING: Final = Taught()


@dataclass(frozen=True, slots=True)
class Load:
    """What a bus would be asked to do in one second: requests, and the share of the second that they take at best."""

    requests_per_s: float
    share: float


def load_of(bus: BusSpec, devices: Iterable[DeviceSpec], lessons: Lessons = NO_LESSONS) -> Load:
    """The load of `bus` with its `devices`."""
    requests_per_s = busy = 0.0
    for device in devices:
        taught = lessons.get(device.name, _NOTHING)
        sizes = block_sizes(device.profile, taught)
        took_ms = sum(_request_ms(bus, device, size, taught) for size in sizes)
        requests_per_s += len(sizes) * 1000 / device.period_ms
        busy += took_ms / device.period_ms
    return Load(requests_per_s, busy / bus.parallel)


def _request_ms(bus: BusSpec, device: DeviceSpec, registers: int, taught: Taught) -> float:
    pause_ms = max(bus.delay_ms, device.profile.limits.delay_ms, taught.gap_ms)
    if not bus.wire.is_line:
        return (taught.turnaround_ms or TCP_REQUEST_MS) + pause_ms
    line = device.line or bus.line
    silence_ms = max(1000 * line.silence_s, pause_ms)
    if not isinstance(device.profile.limits, ModbusLimits):
        turnaround_ms = taught.turnaround_ms or 1000 * METER_TURNAROUND_S
        return 1000 * (METER_CHARACTERS + 2 * registers) * line.character_s + turnaround_ms + silence_ms
    characters = 28 + 4 * registers if bus.wire.is_ascii else 13 + 2 * registers
    return 1000 * characters * line.character_s + (taught.turnaround_ms or 1000 * TURNAROUND_S) + silence_ms


def block_sizes(profile: DeviceProfile, taught: Taught = _NOTHING) -> list[int]:
    """The sizes in registers (of two bytes) of the blocks that hold all points of a profile, at best; one at least."""
    sizes: list[int] = []
    limits = profile.limits
    if isinstance(limits, ForeignLimits):
        return [1]  # nobody here knows; its driver says how many requests a round takes once it runs
    if not isinstance(limits, ModbusLimits):
        data = profile.data
        wanted = [i for i, point in enumerate(profile.points) if point.name not in taught.refused]
        return [-(-answer_bytes(ask, data) // 2) for ask in asks_of(data, limits, wanted)] or [1]
    fields = [field for point, field in zip(profile.points, profile.fields, strict=True) if point.name not in taught.refused]
    for table in Table:
        spans = sorted({(field.address, field.last) for field in fields if field.table is table})
        most = limits.max_bits if table.is_bits else min(limits.max_registers, taught.largest or limits.max_registers)
        gap = GAP_REGISTERS if limits.max_gap is None else limits.max_gap
        blocks = _merge(spans, most, gap, {address for cut_table, address in taught.cuts if cut_table is table})
        sizes += [-(-size // 16) if table.is_bits else size for size in blocks]
    return sizes or [1]  # a device that refuses everything is asked for a sign of life


def _merge(spans: Sequence[tuple[int, int]], most: int, gap: int, cuts: Set[int]) -> list[int]:
    blocks: list[tuple[int, int]] = []
    for first, last in spans:
        if blocks and first not in cuts and first - blocks[-1][1] - 1 <= gap and last - blocks[-1][0] + 1 <= most:
            blocks[-1] = (blocks[-1][0], max(last, blocks[-1][1]))
        else:
            blocks.append((first, last))
    return [last - first + 1 for first, last in blocks]
