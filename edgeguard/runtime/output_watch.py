"""A family of rules about switched outputs: what they show is compared with what this gateway has last written, over restarts.

It learns of writes from whoever carries them out, and of their effect from the poll rounds. A write whose end is not known leaves
nothing to compare with, and neither does one that was cut off by a power cut: what is kept is taken away before it is sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from edgeguard.config.output_alarms import OUTPUT_CHANGED, outputs_of
from edgeguard.core.alarm import AlarmRule
from edgeguard.core.clock import Stamp
from edgeguard.core.fate import Fate
from edgeguard.core.ids import DeviceName, PointName, alarm_name
from edgeguard.core.interlock import PointRef
from edgeguard.core.line_limits import OUTPUTS_NAMED
from edgeguard.core.point import Value
from edgeguard.core.rule_state import RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import NOTHING, AlarmInput, Findings, Records

OWNER: Final = "outputs"
_ANOTHER_BOOT_MS: Final = -1


@dataclass(frozen=True, slots=True)
class _Written:
    """What an output was given, and when (boot time): only a later reading says anything of it."""

    value: bool
    at_ms: int


@dataclass(slots=True)
class _Board:
    """The outputs of one device. `told` is what was said last, None if nothing was; `wrong` are in the order of the profile."""

    outputs: tuple[PointName, ...]
    written: dict[PointName, _Written] = field(default_factory=dict)
    wrong: set[PointName] = field(default_factory=set)
    told: str | None = None

    @property
    def words(self) -> str:
        """Which outputs are not as they were written: `relay_3 off, relay_4 on`; empty if all are."""
        names = [name for name in self.outputs if name in self.wrong]
        named = [f"{name} {'off' if self.written[name].value else 'on'}" for name in names[:OUTPUTS_NAMED]]
        return ", ".join(named) + (" …" if len(names) > OUTPUTS_NAMED else "")


class OutputWatch:
    """Speaks when an output has come to differ from what was written, and when none does any more."""

    def __init__(self) -> None:
        self._boards: dict[DeviceName, _Board] = {}
        self._gone: set[str] = set()

    @property
    def owner(self) -> str:
        """Under which what was written is kept."""
        return OWNER

    def before(self, refs: Iterable[PointRef]) -> tuple[RuleState, ...]:
        """What is to be kept before these are written: nothing of them, for nobody could say what became of it."""
        refs = tuple(refs)
        names = dict.fromkeys(ref.device for ref in refs if self._knows(ref))
        return tuple(self._state(name, {ref.point for ref in refs if ref.device == name}) for name in names)

    def after(self, ref: PointRef, fate: Fate, value: Value | None, now: Stamp) -> tuple[RuleState, ...]:
        """What is to be kept when it has ended."""
        if not self._knows(ref):
            return ()
        board = self._boards[ref.device]
        if fate is Fate.DONE and isinstance(value, bool):
            board.written[ref.point] = _Written(value, now.boot_ms)
        elif fate.acted:
            board.written.pop(ref.point, None)
        if fate.acted:
            board.wrong.discard(ref.point)
        return (self._state(ref.device),)

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """The devices that have such an alarm, with what was kept of them, or what is remembered still, for that is younger."""
        before, self._boards = self._boards, {}
        for name, record in records.items():
            if any(_is_ours(rule) for rule in record.rules.alarms):
                outputs = outputs_of(record.spec.profile)
                known = before[name].written if name in before else _recalled(states.get(name, b""))
                self._boards[name] = _Board(outputs, {point: known[point] for point in outputs if point in known})
        self._gone = {name for name in states if DeviceName(name) not in self._boards}

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """A round has ended: what do the outputs show?"""
        board = self._boards.get(record.spec.name)
        if board is None or (not board.written and board.told is not None):
            return NOTHING
        seen = False
        for point, outcome, good_at in zip(record.rules.points, record.outcomes, record.good_at, strict=True):
            written = board.written.get(point.name)
            if written is None or good_at is None or not isinstance(outcome, bool) or good_at.boot_ms <= written.at_ms:
                continue
            seen = True
            if outcome is written.value:
                board.wrong.discard(point.name)
            else:
                board.wrong.add(point.name)
        return self._said(record.spec.name, board) if seen or not board.written else NOTHING

    def tick(self, now: Stamp) -> Findings:
        """A write that has ended may have put an output right."""
        gone, self._gone = self._gone, set()
        found = [self._said(name, board) for name, board in self._boards.items() if board.words != (board.told or "")]
        alarms = tuple(alarm for said in found for alarm in said.alarms)
        return Findings(alarms=alarms, states=tuple(RuleState(OWNER, name, b"") for name in sorted(gone)))

    def states(self) -> tuple[RuleState, ...]:
        """All that was written."""
        return tuple(self._state(name) for name, board in self._boards.items() if board.written)

    def _knows(self, ref: PointRef) -> bool:
        return ref.device in self._boards and ref.point in self._boards[ref.device].outputs

    def _said(self, name: DeviceName, board: _Board) -> Findings:
        words = board.words
        if words == board.told:
            return NOTHING
        board.told = words
        return Findings(alarms=(AlarmInput(alarm_name(name, OUTPUT_CHANGED), bool(words), words or None),))

    def _state(self, name: DeviceName, without: Iterable[PointName] = ()) -> RuleState:
        kept = {point: one.value for point, one in self._boards[name].written.items() if point not in set(without)}
        return RuleState(OWNER, name, orjson.dumps(kept) if kept else b"")


def _is_ours(rule: AlarmRule) -> bool:
    return rule.name == alarm_name(rule.device, OUTPUT_CHANGED)


def _recalled(body: bytes) -> dict[PointName, _Written]:
    """What was kept; a body that is not as we write it is of no use."""
    try:
        kept = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(kept, dict):
        return {}
    return {PointName(name): _Written(value, _ANOTHER_BOOT_MS) for name, value in kept.items() if isinstance(value, bool)}
