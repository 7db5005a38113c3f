"""What is said on a line beside the answers to our own requests: told apart into late answers and the talk of another master."""

import math
from typing import Final

from edgeguard.bus.exchange import Request
from edgeguard.bus.late import LateAnswers
from edgeguard.bus.overheard import Overheard
from edgeguard.codec.dlt645_framing import BROADCAST
from edgeguard.core.limits import FOREIGN_ANSWER_S, FOREIGN_YIELD_S, LATE_KEPT_S

_QUICK_ENOUGH: Final = 4
_NOBODY_ANSWERS: Final = (0, BROADCAST)


class Beside:
    """Bytes as they come, and who said them. `frames` counts those of others; answers before `late_until_s` may be late ones."""

    def __init__(self, late: LateAnswers) -> None:
        self.frames = 0
        self.late_until_s = 0.0
        self.strange_s = -math.inf
        """When something was heard last that was neither an answer nor one that was damaged."""
        self._late = late
        self._overheard = Overheard()
        self._sent: Request | None = None
        self._since_s: float | None = None
        self._first_s, self._echo_by_s = math.inf, -math.inf
        self._quick = 0
        """How often what came began as soon as an echo: on a line that echoes a late one means that we were busy."""
        self.until_s = 0.0
        """Until then another master's answer is on its way."""

    @property
    def is_prompt(self) -> bool:
        """What has come since we sent may have begun with the line's echo: it was as soon, or others before it were."""
        return self._first_s <= self._echo_by_s or self._quick >= _QUICK_ENOUGH

    def keep(self, data: bytes, now_s: float, idle: bool) -> None:
        """These have come; `idle`: while nobody waited for an answer."""
        self._overheard.keep(data)
        self._first_s = min(self._first_s, now_s)
        if idle:
            self.strange_s = now_s

    def sent(self, request: Request, echo_by_s: float) -> None:
        """This goes out now; what has come before may be the beginning of what still comes. An echo begins by `echo_by_s`."""
        self._sent = request
        self._since_s, self.until_s = None, 0.0
        if self._first_s < math.inf:
            self._quick = min(self._quick + 1, 2 * _QUICK_ENOUGH) if self._first_s <= self._echo_by_s else self._quick // 2
        self._first_s, self._echo_by_s = math.inf, echo_by_s
        self._late.sent(request)

    def begin(self, now_s: float) -> None:
        """A new connection: what was said before is unknown."""
        self.strange_s = now_s
        self.forget()

    def calm(self, sent_s: float, now_s: float) -> bool:
        """Nobody else can have spoken since a request of ours was sent: nothing else was heard for long, and nothing is owed."""
        return sent_s - self.strange_s >= LATE_KEPT_S and not self._late.owes(now_s)

    def forget(self) -> None:
        """Nothing has been said but the answer."""
        self._sent = None
        self._overheard.forget()

    def hear(self, now_s: float, answer: bytes = b"") -> None:
        """Sort out what has come beside the `answer`."""
        asked = False
        sent, self._sent = self._sent, None
        idle = sent is None
        found = self._overheard.feed()
        for heard in found:
            if answer and heard.pdu == answer:
                answer, asked = b"", False
            elif sent is not None and self.is_prompt and heard.pdu == sent.pdu and heard.station == sent.address:
                sent = None  # the line's echo
            else:
                paid = self._late.answered(heard, now_s, just_now=idle) if heard.may_answer else None
                asked = paid is None and heard.may_ask and heard.station not in _NOBODY_ANSWERS
                if paid is not None and paid.ours:
                    continue
                if asked:
                    self._late.asked_by_others(heard, now_s)
                if heard.may_ask or (idle and now_s >= self.late_until_s):
                    self.frames += 1
        if asked:
            self._yield(now_s)
        elif found:
            self.until_s = 0.0

    def _yield(self, now_s: float) -> None:
        """Let another master have its answer, lest both be lost; but one that never stops asking does not get the whole line."""
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < FOREIGN_YIELD_S:
            self.until_s = now_s + FOREIGN_ANSWER_S
