"""How long a scan takes: what its questions cost is known, what devices cost that answer is estimated, and both are mended later.

The figures of a look are those of devices that answer at a usual pace and refuse what they do not have; one that is silent to
what it does not know takes longer.
"""

from types import MappingProxyType
from typing import Final

from edgeguard.core.limits import (
    METER_QUIET_S,
    RTU_QUIET_S,
    SCAN_LOOK_ANSWER_S,
    SCAN_LOOK_READS,
    SCAN_METER_PATIENCE_S,
    SCAN_METER_SETTLE_S,
    SCAN_MODBUS_PATIENCE_S,
)
from edgeguard.core.line import LineSettings, Protocol

_ASK_CHARACTERS: Final = 8
_LOOK_CHARACTERS: Final = 18
"""Of a read of few registers and its answer, or refusal."""
_CALL_CHARACTERS: Final = MappingProxyType({Protocol.DLT645: 4 + 14, Protocol.CJT188: 3 + 16})
"""Of a call to all meters, with what wakes them."""
_METER_LOOK: Final = MappingProxyType({Protocol.DLT645: (16, 46, 0.06), Protocol.CJT188: (2, 65, 0.06)})
"""Reads, the characters of one and its answer, and how long a meter thinks."""
_BELIEVED_S: Final = 10.0
"""What was believed of the wire before counts as much as so many seconds of asking."""
_BUSY_MAX: Final = 0.95


def ask_s(line: LineSettings) -> float:
    """Asking a Modbus unit of a line that does not answer."""
    return _ASK_CHARACTERS * line.character_s + line.silence_s + SCAN_MODBUS_PATIENCE_S + RTU_QUIET_S


def call_s(protocol: Protocol, line: LineSettings) -> float:
    """Calling meters when none answers; the silence that is kept afterwards is part of the one before the next call."""
    return _CALL_CHARACTERS[protocol] * line.character_s + line.silence_s + SCAN_METER_SETTLE_S + SCAN_METER_PATIENCE_S


def narrower_s(protocol: Protocol, line: LineSettings) -> float:
    """Calling fewer of the meters that answered over each other."""
    return call_s(protocol, line) - SCAN_METER_SETTLE_S + METER_QUIET_S


def look_s(protocol: Protocol, line: LineSettings | None) -> float:
    """Identifying one device."""
    if line is None:
        return SCAN_LOOK_READS * SCAN_LOOK_ANSWER_S
    reads, characters, answer_s = _METER_LOOK.get(protocol, (SCAN_LOOK_READS, _LOOK_CHARACTERS, SCAN_LOOK_ANSWER_S))
    return reads * (characters * line.character_s + line.silence_s + answer_s)


class Effort:
    """The work of one scan in seconds of a wire of its own: done, and turned up on the way; and how fast it really goes.

    `busy`: the share of the wire that others are believed to need.
    """

    def __init__(self, busy: float = 0.0) -> None:
        self.busy = min(max(busy, 0.0), _BUSY_MAX)
        self.done_s = 0.0
        """Questions asked, and what came of them."""
        self._cost_s = self._asked_s = 0.0
        self._silent_s = self._took_s = 0.0
        self._work_s = self._work_begun_s = 0.0

    def asked(self, cost_s: float, now_s: float) -> None:
        """A question goes out."""
        self.done_s += cost_s
        self._cost_s, self._asked_s = cost_s, now_s
        self._work_s = 0.0

    def turned_up(self, work_s: float, now_s: float) -> None:
        """Work that nobody could know of: somebody has answered."""
        self.done_s += work_s
        self._work_s = self._left_s(now_s) + work_s
        self._work_begun_s = now_s

    def over(self, now_s: float) -> None:
        """All that came of the question is done. If that was nothing it tells how fast the wire is beside its others."""
        if not self._work_s:
            self._silent_s += self._cost_s
            self._took_s += now_s - self._asked_s
        self._work_s = 0.0

    def expected_s(self, work_s: float) -> float:
        """What was to be expected of so much work beside others, before anything was asked."""
        return work_s / (1 - self.busy)

    def rest_s(self, questions_s: float, looks_s: float, now_s: float) -> float:
        """What is left, as fast as it went up to now."""
        pace = (self._took_s + _BELIEVED_S / (1 - self.busy)) / (self._silent_s + _BELIEVED_S)
        return questions_s * pace + (looks_s + self._left_s(now_s)) * max(1.0, pace)

    def _left_s(self, now_s: float) -> float:
        return max(0.0, self._work_s - (now_s - self._work_begun_s))
