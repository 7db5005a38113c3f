"""What a device has taught its driver about itself: kept over restarts, shown, and turned into lines of a profile.

A driver that learns is a `Learner`; others need not be. Knows no file: who keeps it is told by `runtime`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from edgeguard.core.ids import PointName
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits, ForeignLimits, ModbusLimits
from edgeguard.core.register import Table

ProfileLimits = ModbusLimits | Dlt645Limits | Cjt188Limits | ForeignLimits


@dataclass(frozen=True, slots=True)
class Hole:
    """Addresses `first` to `last` that the device does not let a read run through, though it serves what lies on both sides."""

    table: Table
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LearnedLimits:
    """`refused`: points that the device refuses, with its answer. `cuts`: addresses that must begin a read of their own.

    `holes`: what lies before those cuts. `largest`: registers (of bit tables: bits) in the largest read that was served;
    `too_large`: in the smallest that was refused as a whole while its halves were served, 0 if there was none.
    `turnaround_ms`: how long the device thinks, the frames' own time taken off; 0 while nothing is known. `gap_ms`: the silence
    that it needs between an answer and the next request; 0 if it has shown no such need.
    """

    refused: Mapping[PointName, str] = field(default_factory=dict)
    cuts: tuple[tuple[Table, int], ...] = ()
    holes: tuple[Hole, ...] = ()
    largest: int = 0
    too_large: int = 0
    turnaround_ms: float = 0.0
    gap_ms: float = 0.0


@runtime_checkable
class Learner(Protocol):
    """A device whose driver learns."""

    @property
    def learned(self) -> LearnedLimits:
        """What is known now."""
        ...

    def recall(self, learned: LearnedLimits) -> None:
        """Begin with what was known before a restart, as long as it is not proved wrong."""
        ...


def section_of(limits: ProfileLimits) -> str:
    """The section of a profile to which `profile_lines` belong."""
    if isinstance(limits, Dlt645Limits):
        return "dlt645"
    if isinstance(limits, Cjt188Limits):
        return "cjt188"
    return "modbus" if isinstance(limits, ModbusLimits) else limits.protocol


def profile_lines(learned: LearnedLimits, limits: ProfileLimits) -> list[str]:
    """The difference to the section of a profile that says what the device bears, with the reasons as comments; empty if none."""
    lines: list[str] = []
    if learned.turnaround_ms:
        lines.append(f"# it thinks {learned.turnaround_ms:.0f} ms before it answers")
    if learned.gap_ms > limits.delay_ms:
        lines.append("# asked sooner after an answer it does not hear the request")
        lines.append(f'delay = "{learned.gap_ms:.0f}ms"')
    if isinstance(limits, ModbusLimits):
        lines += _block_lines(learned, limits)
    lines += [f"# it refuses point {name}: {why}" for name, why in learned.refused.items()]
    return lines


def _block_lines(learned: LearnedLimits, limits: ModbusLimits) -> list[str]:
    lines: list[str] = []
    by_size = learned.too_large > learned.largest > 0
    if by_size and learned.largest < limits.max_registers:
        lines.append(f"# {learned.too_large} at once were refused, {learned.largest} were served")
        lines.append(f"max_registers = {learned.largest}")
    if learned.holes:
        known = [f'{{ table = "{area.table.value}", first = {area.first}, last = {area.last} }}' for area in limits.forbidden]
        new = [f'{{ table = "{hole.table.value}", first = {hole.first}, last = {hole.last} }}' for hole in learned.holes]
        lines.append("# reads do not run through these addresses")
        lines.append(f"forbidden = [{', '.join([*known, *new])}]")
    return lines
