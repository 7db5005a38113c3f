"""What is said on a line beside the answers to our own requests: told apart into late answers and the talk of another master."""

import math
from typing import Final

from edgeguard.bus.exchange import Request
from edgeguard.bus.late import LateAnswers
from edgeguard.bus.overheard import Heard, Overheard
from edgeguard.codec.alike import spoils_answer
from edgeguard.codec.dlt645_framing import BROADCAST
from edgeguard.core.limits import BUS_BYTE_GAP_S, FOREIGN_ANSWER_S, FOREIGN_YIELD_S, LATE_KEPT_S, LINE_NOISE_BYTES
from edgeguard.core.line import LineSettings, Station

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
        self._bursts = late.bursts
        self._overheard = Overheard()
        self._sent: Request | None = None
        self._question: Heard | None = None
        """What another master has asked, as long as nothing was heard after it."""
        self._burst_yielded = self._mixed = False
        """Stood back for this burst; something else has come beside the answer."""
        self._found: list[Heard] = []
        self._since_s: float | None = None
        self.first_s, self._echo_by_s = math.inf, -math.inf
        self._frame = self._first = b""
        """What was sent last, and what has come since, up to the same length."""
        self._quick = 0
        """How often what came began as soon as an echo: on a line that echoes a late one means that we were busy."""
        self.until_s = 0.0
        """Until then another master's answer is on its way."""

    @property
    def is_prompt(self) -> bool:
        """What has come since we sent may have begun with the line's echo: it was as soon, or others before it were."""
        return self.first_s <= self._echo_by_s or self._quick >= _QUICK_ENOUGH

    def trusts(self, request: Request, answer: bytes, sent_s: float, line: LineSettings | None, now_s: float) -> bool:
        """Whether this answer to a request of ours, on a line of these settings, can be nobody else's; see LateAnswers.trusts."""
        if line is not None:
            begun_s = max(self.first_s, now_s - len(answer) * line.character_s)
        else:
            begun_s = now_s if self._mixed else self.first_s
        return self._late.trusts(request, answer, sent_s, self.first_s, begun_s, now_s)

    def keep(self, data: bytes, now_s: float, idle: bool) -> None:
        """These have come; `idle`: while nobody waited for an answer."""
        if idle and self._bursts.is_over(now_s):
            self._end()
        self._overheard.keep(data)
        self._bursts.came(len(data), now_s)
        self.first_s = min(self.first_s, now_s)
        if len(self._first) < len(self._frame):
            self._first += data[: len(self._frame) - len(self._first)]
        if idle:
            self.strange_s = now_s

    def sent(self, request: Request, frame: bytes, echo_by_s: float) -> None:
        """This goes out now; what has come before may be the beginning of what still comes. An echo begins by `echo_by_s`."""
        self._end()
        self._frame, self._first = frame, b""
        self._sent = request
        self._since_s, self.until_s = None, 0.0
        if self.first_s < math.inf:
            self._quick = min(self._quick + 1, 2 * _QUICK_ENOUGH) if self.first_s <= self._echo_by_s else self._quick // 2
        self.first_s, self._echo_by_s = math.inf, echo_by_s
        self._late.sent(request)

    def begin(self, now_s: float) -> None:
        """A new connection: what was said before is unknown."""
        self.strange_s = now_s
        self.forget()

    def calm(self, sent_s: float, now_s: float) -> bool:
        """Nobody else can have spoken since a request of ours was sent: nothing else was heard for long, and nothing is owed.

        The line is ours alone besides, by all that was ever heard on it.
        """
        return self.is_alone(now_s) and sent_s - self.strange_s >= LATE_KEPT_S and not self._late.owes(now_s)

    def is_alone(self, now_s: float) -> bool:
        """No other master was heard for long."""
        return self._bursts.alone(now_s)

    def enough_s(self, station: Station, sent_s: float, now_s: float) -> float:
        """Until when its answer is waited for, now that more has come since than the line's echo and a little noise, and no frame.

        Infinite if it has not.
        """
        if self._bursts.loose <= LINE_NOISE_BYTES + self._echoed_bytes:
            return math.inf
        due_s = sent_s + self._late.patience_s(station, now_s)
        # Others may go on and on.
        return max(due_s, min(now_s, due_s) + BUS_BYTE_GAP_S)

    def forget(self) -> None:
        """Nothing has been said but the answer."""
        self._sent = None
        self._bursts.were(0)
        self._question = None
        self._found.clear()
        self._overheard.forget()

    def foreign(self, now_s: float) -> None:
        """A frame was another master's, or for one."""
        self.frames += 1
        self._bursts.foreign(now_s)

    def weigh(self, answer: bytes, junk_bytes: int) -> None:
        """Before the `answer` is believed: how much of the `junk_bytes` beside it was no frame."""
        self._mixed = junk_bytes > 0
        if self._mixed:
            self._found += self._overheard.feed()
        others = sum(heard.size for heard in self._found if heard.pdu != answer and not self._is_echo(heard))
        self._bursts.were(junk_bytes - others)
        self._end(waited=True)

    def hear(self, now_s: float, answer: bytes = b"") -> None:
        """Sort out what has come beside the `answer`."""
        asked, answered = False, bool(answer)
        sent, waited = self._sent, self._sent is not None
        found, self._found = [*self._found, *self._overheard.feed()], []
        for heard in found:
            if not answered:
                self._bursts.were(self._bursts.loose - heard.size)
            if answer and heard.pdu == answer:
                answer, asked = b"", False
            elif self._is_echo(heard):
                self._sent = None  # it comes once
            else:
                paid = self._late.answered(heard, now_s, just_now=not waited) if heard.may_answer else None
                asked = paid is None and heard.may_ask and heard.station not in _NOBODY_ANSWERS
                self._question = heard if asked else None
                if paid is not None and paid.ours:
                    continue
                if asked:
                    self._late.asked_by_others(heard, now_s)
                if paid is None and not heard.may_ask:
                    self._bursts.explained(heard.gap)
                if heard.may_ask or (sent is None and now_s >= self.late_until_s):
                    self.foreign(now_s)
        self._sent = None
        if waited and not answered:
            self._end(missing=sent)  # what is owed to us is counted by itself
        self._stand_back(now_s, asked, bool(found))

    def _stand_back(self, now_s: float, asked: bool, found: bool) -> None:
        """Let another master have its answer if it has `asked`, or may have; what was `found` last may have been that."""
        if asked:
            self._yield(now_s)
        elif found:
            self.until_s = 0.0
        elif self._bursts.is_one and not self._burst_yielded and not self.is_alone(now_s) and self._bursts.is_first(now_s):
            self._burst_yielded, self.until_s = True, now_s + FOREIGN_ANSWER_S

    @property
    def _echoed_bytes(self) -> int:
        """How many bytes of what has come since we sent are the line's echo: all that was sent, but for one in eight."""
        same = sum(one == other for one, other in zip(self._first, self._frame, strict=False))
        return len(self._frame) if self.is_prompt and 8 * same >= 7 * len(self._frame) else 0

    def _is_echo(self, heard: Heard) -> bool:
        """It is the line's echo of what was sent."""
        sent = self._sent
        return sent is not None and self.is_prompt and heard.pdu == sent.pdu and heard.station == sent.address

    def _end(self, waited: bool = False, missing: Request | None = None) -> None:
        """What has come is all there is of it. Behind another master's question it may be the answer to that, damaged.

        It may as well be ours, if that is `missing`: then it pays for theirs only if it surely is that.
        """
        asked, self._question = self._question, None
        rest = self._overheard.rest if asked is not None and self._bursts.loose else b""
        if asked is not None and len(rest) > LINE_NOISE_BYTES:
            surely = spoils_answer(asked.protocol, asked.station, asked.pdu, rest)
            if missing is not None:
                surely = surely and not spoils_answer(missing.protocol, missing.address, missing.pdu, rest)
            if surely or missing is None:
                self._late.lost(asked, self._bursts.last_s, surely)
            self._bursts.were(0 if surely else self._bursts.loose)
        self._bursts.end(waited)
        self._overheard.part()
        self._burst_yielded = False

    def _yield(self, now_s: float) -> None:
        """Let another master have its answer, lest both be lost; but one that never stops asking does not get the whole line."""
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < FOREIGN_YIELD_S:
            self.until_s = now_s + FOREIGN_ANSWER_S
