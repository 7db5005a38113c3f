"""Whether a bus can keep the pace that its devices are to be polled at: a lower bound, told before the first poll.

Counts requests as a reader with the profile's limits would at best need them, and the time they take at best. Formula for
serial lines: a request of 8 characters, an answer of 5 + 2n, 3.5 characters of silence (MODBUS over Serial Line V1.02, 2.5.1).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.profile import DeviceProfile
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, DeviceSpec, Wire

TCP_REQUEST_MS: Final = 2.0
"""Round trip and turnaround of a wired Modbus TCP device that is in good health."""
SERIAL_CHARACTER_MS: Final = 10 / 9.6
"""One character at 9600 baud, 8N1: the setting assumed behind a serial server, whose real one is not in the file."""
SERIAL_TURNAROUND_MS: Final = 10.0
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
        pause_ms = max(bus.delay_ms, device.profile.limits.delay_ms)
        took_ms = sum(_request_ms(bus, size) + pause_ms for size in sizes)
        requests_per_s += len(sizes) * 1000 / device.period_ms
        busy += took_ms / device.period_ms
    return Load(requests_per_s, busy / bus.parallel)


def _request_ms(bus: BusSpec, registers: int) -> float:
    if bus.wire is Wire.TCP:
        return TCP_REQUEST_MS
    return SERIAL_CHARACTER_MS * (8 + 5 + 2 * registers + 3.5) + SERIAL_TURNAROUND_MS


def block_sizes(profile: DeviceProfile) -> list[int]:
    """The sizes in registers of the blocks that hold all points of a profile, at best."""
    sizes: list[int] = []
    for table in Table:
        spans = sorted({(field.address, field.last) for field in profile.fields if field.table is table})
        most = profile.limits.max_bits if table.is_bits else profile.limits.max_registers
        gap = GAP_REGISTERS if profile.limits.max_gap is None else profile.limits.max_gap
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
