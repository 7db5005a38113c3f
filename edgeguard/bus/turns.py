"""Turn-taking on one wire: which request goes out when, whose answer came, and who has waited long enough.

Driven by calls alone (a request, bytes, the connection's coming and going) and by two timers of the running loop; no task
of its own, so a transaction costs no task switch, and cancelling a caller cannot leave the wire half way: what was sent
stays outstanding until its answer or its time-out, only nobody hears of it. Knows framings, not sockets.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Final

from edgeguard.bus.beside import Beside
from edgeguard.bus.exchange import ExchangeFailed, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.line_errors import LineErrors
from edgeguard.bus.numbers import Numbers
from edgeguard.bus.queue import Turn, TurnQueue
from edgeguard.bus.silence import Silence
from edgeguard.bus.stats import BusStats, LinkState
from edgeguard.bus.tally import Tally
from edgeguard.bus.tap import Listener, Passing, Tap, WireEvent
from edgeguard.bus.timer import Timer
from edgeguard.codec.alike import is_read
from edgeguard.codec.framing import Answer, StreamBroken
from edgeguard.core.ids import BusName
from edgeguard.core.limits import (
    BUS_BYTE_GAP_S,
    BUS_DRAIN_MAX_S,
    BUS_JUNK_BYTES,
    BUS_QUEUE_REQUESTS,
    BUS_SILENT_TIMEOUTS,
    FOREIGN_ANSWER_S,
    LINE_FRAME_CHARACTERS,
    LINE_NOISE_BYTES,
    TIMER_SLACK_S,
)
from edgeguard.core.line import LineSettings, Protocol
from edgeguard.core.line_limits import ANSWER_DOUBTS
from edgeguard.core.quality import Fault, Reason

Write = Callable[[bytes], None]
Drop = Callable[[Fault], None]
"""Close the connection at once, for this reason."""
Tune = Callable[[LineSettings], float]
"""Set the port to these settings; seconds to wait before anything is sent, infinite if the port does not take them."""

_SENT, _RECEIVED, _ANSWERED = Passing.SENT, Passing.RECEIVED, Passing.ANSWERED
"""Taken out of their class once: to look a member up there costs as much as half an event (Python 3.11)."""

_DAMAGED: Final = frozenset({Reason.CHECKSUM, Reason.SHORT_ANSWER, Reason.GARBAGE})
"""What is said of bytes that were no frame."""


class Turns:
    """The requests of one wire. At most `parallel` are outstanding, `delay_s` of silence goes before each.

    `line`: the settings of the serial line that this is, None on a network. They say how long frames travel and what silence
    lies between them. After `silent_timeouts` requests without a sign of life the connection is dropped.
    """

    def __init__(
        self,
        name: BusName,
        framings: Framings,
        parallel: int,
        delay_s: float,
        line: LineSettings | None = None,
        silent_timeouts: int = BUS_SILENT_TIMEOUTS,
    ) -> None:
        self.proved = False
        """An answer has come on the present connection."""
        self._name = name
        self._framing = framings
        parallel = 1 if delay_s > 0 or line is not None else max(1, min(parallel, framings.parallel))
        self._delay_s = delay_s
        self._line = line
        self._silence = Silence(silent_timeouts, line is not None)
        self._tune: Tune | None = None
        self._true_time = False
        self._next: Turn | None = None
        self._queue = TurnQueue(parallel, framings.quiet_s)
        self._beside = Beside(self._queue.late)
        self._numberless = framings.quiet_s > 0
        self._numbers = Numbers(name, self._queue.late, parallel)
        self._outstanding: dict[int, Turn] = {}
        self._queue.under_way = self._outstanding.values()
        self._transaction = 0
        self._write: Write | None = None
        self._drop: Drop = lambda _: None
        self._down = Fault(Reason.NO_CONNECTION, "not connected yet")
        self._opens_s = 0.0
        self._held_until_s = 0.0
        self._drained_by_s = 0.0
        self._draining = False
        self._watch, self._resume = Timer(self._expire), Timer(self._pump)
        self._junk_mark = self._junk_sent = 0
        self._tally = Tally()
        self._tap = Tap()

    def ask(self, request: Request) -> asyncio.Future[bytes]:
        """Queue a request, or send it at once. The future fails with ExchangeFailed; ExchangeFailed here if it cannot wait."""
        loop = asyncio.get_running_loop()
        turn = Turn(request, loop.create_future())
        if request.protocol not in self._framing:
            raise self._failure(turn, Fault(Reason.REFUSED, f"this bus does not carry {request.protocol.value}"), sent=False)
        if not request.pdu and request.pdu_now is None:
            raise self._failure(turn, Fault(Reason.REFUSED, "a request without content"), sent=False)
        if len(self._queue) >= BUS_QUEUE_REQUESTS:
            self._queue.drop_done()
            if len(self._queue) >= BUS_QUEUE_REQUESTS:
                self._tally.faults[Reason.NOT_POLLED] += 1
                raise self._failure(turn, Fault(Reason.NOT_POLLED, f"{BUS_QUEUE_REQUESTS} requests wait already"), sent=False)
        if self._write is None:
            turn.deadline_s = loop.time() + request.timeout_s
            if turn.deadline_s <= self._opens_s:
                self._tally.faults[self._down.reason] += 1
                raise self._failure(turn, self._down, sent=False)
            self._watch.at(turn.deadline_s)
        self._queue.put(turn)
        self._pump()
        return turn.future

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` what passes until the function returned here is called."""
        return self._tap.listen(listener)

    def opened(self, write: Write, drop: Drop, tune: Tune | None = None, true_time: bool = False) -> None:
        """There is a connection: begin to send. `tune` is there where the line's settings can be changed.

        `true_time`: bytes come no faster than those settings let them, so that an answer may be known to be too early.
        """
        self._tell(Passing.OPENED)
        self._framing.reset()
        self._write, self._drop, self._tune, self._true_time = write, drop, tune, true_time
        self.proved, self._draining, self._held_until_s = False, False, 0.0
        self._silence.begin()
        self._junk_mark = self._framing.junk_bytes
        self._beside.begin(asyncio.get_running_loop().time())
        for turn in self._queue:
            turn.deadline_s = None
        self._pump()

    def closed(self, fault: Fault) -> None:
        """The connection is gone: what was outstanding fails, what waits may wait on, each for its own time-out."""
        self._write, self._drop, self._tune = None, lambda _: None, None
        self._down = fault
        self._tell(Passing.CLOSED, fault=fault)
        if self._next is not None:
            self._queue.put_back(self._next)
            self._next = None
        now_s = asyncio.get_running_loop().time()
        for turn in self._outstanding.values():
            self._fail(turn, fault, sent=True)
            self._rest(turn, now_s, answered=False)
            self._queue.late.give_up(turn.request, turn.sent_s, now_s, rests=self._numberless)
        self._account(now_s)
        self._outstanding.clear()
        self._framing.reset()
        for turn in self._queue:
            turn.deadline_s = now_s + turn.request.timeout_s
            self._watch.at(turn.deadline_s)

    def waiting(self, fault: Fault, opens_s: float) -> None:
        """There will be no connection before `opens_s` (loop time): whoever cannot wait so long fails now."""
        self._down, self._opens_s = fault, opens_s
        self._expire_queue(opens_s)

    def received(self, data: bytes) -> None:
        """Bytes from the wire."""
        self._tally.bytes_received += len(data)
        self._tell(_RECEIVED, data)
        self._silence.broken()
        idle = not self._outstanding
        now_s = asyncio.get_running_loop().time()
        if self._numberless:
            self._beside.keep(data, now_s, idle)
        broken: Fault | None = None
        try:
            answers: Sequence[Answer] = self._framing.feed(data)
        except StreamBroken as error:
            answers, broken = error.answers, error.fault
        for late in self._framing.take_late():
            self._numbers.came(*late, now_s)
        for transaction, pdu in answers:
            if self._numberless:
                self._beside.weigh(pdu, self._framing.junk_bytes - self._junk_sent)
            self._take(self._outstanding.pop(transaction), pdu, now_s)
        if broken is not None:
            self._hang_up(broken)
            return
        if self._draining:
            self._held_until_s = min(now_s + self._framing.quiet_s, self._drained_by_s)
        elif self._line is not None and not answers:
            self._line_busy(now_s)
        if self._numberless and (idle or answers):
            self._hear(now_s, answers[0].pdu if answers else b"")
        if self._framing.junk_bytes - self._junk_mark > BUS_JUNK_BYTES:
            self._hang_up(Fault(Reason.GARBAGE, f"{BUS_JUNK_BYTES} bytes without an answer among them"))
        elif answers:
            self._account(now_s)
            self._pump()

    def _take(self, turn: Turn, pdu: bytes, now_s: float) -> None:
        """An answer that fits its request; whether it can be that is another matter."""
        if self._true_time and turn.is_early(pdu, self._line, now_s):
            self._reject(turn, now_s)
            return
        if self._numberless:
            trusted = self._beside.trusts(turn.request, pdu, turn.sent_s, turn.request.line or self._line, now_s)
        else:
            trusted = self._numbers.trusts(turn, pdu, self._outstanding.values(), now_s)
        if not (trusted or (self._beside.is_alone(now_s) and turn.is_insisted_on(pdu))):
            self._doubt(turn, pdu, now_s)
            return
        self._tally.answers += 1
        self._tell(_ANSWERED, turn=turn)
        self.proved = True
        self._silence.answered(turn.request.address)
        self._junk_mark = self._framing.junk_bytes
        self._tally.responses.note(now_s - turn.sent_s)
        self._rest(turn, now_s, answered=True)
        if not turn.future.done():
            turn.future.set_result(pdu)

    def stats(
        self,
        state: LinkState,
        reconnects: int,
        connected_s: float | None,
        error: str,
        line_errors: LineErrors | None = None,
    ) -> BusStats:
        """The counters, together with what the owner of the connection knows."""
        return self._tally.stats(
            asyncio.get_running_loop().time(),
            state,
            reconnects,
            connected_s,
            error,
            line_errors,
            junk_bytes=self._framing.junk_bytes,
            late_answers=self._framing.late_answers,
            foreign_frames=self._beside.frames,
            waiting=len(self._queue),
        )

    def _pump(self) -> None:
        """Send what may be sent."""
        while self._write is not None and (self._queue or self._next) and len(self._outstanding) < self._numbers.parallel:
            now_s = asyncio.get_running_loop().time()
            held_until_s = max(self._held_until_s, self._beside.until_s)
            if now_s + TIMER_SLACK_S < held_until_s:
                self._resume.at(held_until_s)
                return
            if self._draining:
                self._draining = False
                self._framing.reset()
            turn, self._next = self._next or self._queue.take(now_s + TIMER_SLACK_S), None
            if turn is None:
                ready_s = self._queue.ready_s(now_s)
                if ready_s is not None and ready_s < math.inf:
                    self._resume.at(ready_s)
                return
            if turn.future.done():
                continue
            settle_s = self._tuned(turn.request)
            if settle_s == math.inf:
                self._next = turn
                return
            if settle_s > 0:
                self._next, self._held_until_s = turn, now_s + settle_s
            elif self._write is not None:
                self._send(turn, self._write, now_s)

    def _tuned(self, request: Request) -> float:
        """Set the line for this request, where that can be done; seconds to wait until it may be used."""
        line = request.line or self._line
        return 0.0 if self._tune is None or line is None else self._tune(line)

    def _line_busy(self, now_s: float) -> None:
        """Bytes have come that complete no answer: the rest is waited for, and nothing is sent between them.

        How long a frame takes to arrive is no part of a device's time-out; however long the line babbles, both ends are near.
        """
        for turn in self._outstanding.values():
            line = turn.request.line or self._line
            if line is not None and turn.deadline_s is not None:
                longest_s = turn.sent_s + turn.sending_s + turn.wait_s + LINE_FRAME_CHARACTERS * line.character_s
                turn.deadline_s = max(turn.deadline_s, min(now_s + BUS_BYTE_GAP_S + line.silence_s, longest_s))
                turn.cut_short(self._enough_s(turn, now_s))
                self._watch.at(turn.deadline_s)
        if not self._outstanding and self._line is not None:
            if self._held_until_s <= now_s:
                self._drained_by_s = now_s + BUS_DRAIN_MAX_S
            self._held_until_s = min(now_s + self._line.silence_s, max(self._drained_by_s, now_s))

    def _enough_s(self, turn: Turn, now_s: float) -> float:
        """Until when it is waited for now that bytes have come which are no answer, or not yet; infinite for all its time.

        If they are its answer, damaged, for nothing but the rest of whatever else they may be. If they are anything else, for as
        long as the station is known to take.
        """
        if self._is_damaged_answer(turn, now_s):
            return now_s + BUS_BYTE_GAP_S
        return self._beside.enough_s(turn.request.address, turn.sent_s, now_s) if self._numberless else math.inf

    def _is_damaged_answer(self, turn: Turn, now_s: float) -> bool:
        """What has come by now is its answer, damaged: it has the shape, and nobody else can have spoken."""
        early = self._true_time and turn.is_early(b"", self._line, now_s)
        return self._framing.damaged and not early and self._beside.calm(turn.sent_s, now_s)

    def _send(self, turn: Turn, write: Write, now_s: float) -> None:
        request = turn.request
        transaction = self._next_transaction()
        try:
            data = self._framing.request(transaction, request)
        except ValueError as error:
            self._fail(turn, Fault(Reason.REFUSED, str(error)), sent=False)
            return
        self._tally.busy(now_s)
        self._outstanding[transaction] = turn
        self._junk_sent = self._framing.junk_bytes
        self._silence.asked(request)
        if request.delay_s > 0:
            self._queue.rest(request.address, math.inf)
        line = request.line or self._line
        turn.sending_s = 0.0 if line is None else len(data) * line.character_s
        turn.wait_s = self._queue.wait_s(request, now_s)
        turn.sent_s, turn.deadline_s = now_s, now_s + turn.sending_s + turn.wait_s
        if line is not None:
            # A byte is there when its last bit is.
            turn.deadline_s += line.character_s
        if self._numberless:
            self._beside.sent(request, data, now_s + turn.sending_s + (BUS_BYTE_GAP_S if self._true_time else FOREIGN_ANSWER_S))
        else:
            self._numbers.sent(turn)
        self._watch.at(turn.deadline_s)
        self._tally.requests += 1
        self._tally.bytes_sent += len(data)
        if request.on_sent is not None:
            request.on_sent()
        self._tell(_SENT, data, turn)
        write(data)

    def _next_transaction(self) -> int:
        """The next number that is not outstanding; late answers to old numbers are 65,535 requests away from a new one."""
        transaction = (self._transaction + 1) & 0xFFFF
        while transaction in self._outstanding:
            transaction = (transaction + 1) & 0xFFFF
        self._transaction = transaction
        return transaction

    def _rest(self, turn: Turn, now_s: float, answered: bool) -> None:
        """A transaction has ended: account for its time, keep the silences asked for after it and those of the line itself."""
        self._queue.charge(turn, now_s - turn.sent_s, now_s, answered)
        line = turn.request.line or self._line
        pause_s = self._delay_s if line is None else max(self._delay_s, line.silence_s)
        if pause_s > 0:
            self._held_until_s = now_s + pause_s
        if turn.request.delay_s > 0:
            self._queue.rest(turn.request.address, now_s + turn.request.delay_s)

    def _account(self, now_s: float) -> None:
        """Close the busy interval, if nothing is outstanding any more."""
        if not self._outstanding:
            self._tally.idle(now_s)

    def _expire(self) -> None:
        """Give up whatever is due, then set the timer for the next deadline."""
        now_s = asyncio.get_running_loop().time()
        due = [
            t for t, turn in self._outstanding.items() if turn.deadline_s is not None and turn.deadline_s <= now_s + TIMER_SLACK_S
        ]
        for transaction in due:
            if transaction in self._outstanding:
                self._time_out(transaction, now_s)
        if self._write is None:
            self._expire_queue(now_s)
        deadlines = [turn.deadline_s for turn in (*self._outstanding.values(), *self._queue) if turn.deadline_s is not None]
        if deadlines:
            self._watch.at(min(deadlines))
        self._account(now_s)
        self._pump()

    def _expire_queue(self, now_s: float) -> None:
        """Fail those in the queue whose wait for a connection ends by then."""
        for turn in self._queue:
            if turn.deadline_s is not None and turn.deadline_s <= now_s and not turn.future.done():
                self._fail(turn, self._down, sent=False)
        self._queue.drop_done()

    def _time_out(self, transaction: int, now_s: float) -> None:
        turn = self._outstanding.pop(transaction)
        has_shape, is_damaged = self._framing.damaged, self._is_damaged_answer(turn, now_s)
        fault = self._framing.forget(transaction)
        if fault is not None and not has_shape:
            self._beside.strange_s = now_s
        if not turn.request.answered:
            self._rest(turn, now_s, answered=True)  # nobody has failed to answer
            if self._numberless:
                self._hear(now_s)
            if not turn.future.done():
                turn.future.set_result(b"")
            return
        again = fault is None and self._queue.silent(turn, now_s)
        self._fail(turn, fault or Fault(Reason.TIMEOUT, f"no answer within {turn.wait_s:.3g} s"), sent=True, again=again)
        self._rest(turn, now_s, answered=False)
        if again:
            self._queue.put_behind(turn)
        if is_damaged:
            self._beside.forget()
        elif self._numberless:
            # Damaged bytes were the answer most likely, but another master's request can look like that: doubt, no rest.
            self._drain(turn, now_s, rests=fault is None or fault.reason not in _DAMAGED, came=self._in_time(turn, now_s))
            heard = self._beside.frames
            self._hear(now_s)
            others = fault is not None and fault.reason is Reason.WRONG_TRANSACTION
            if others and turn.request.protocol is Protocol.MODBUS and self._beside.frames == heard:
                self._beside.foreign(now_s)
        else:
            self._numbers.missed(transaction, turn, now_s)
        if self._framing.torn:
            self._hang_up(Fault(Reason.SHORT_ANSWER, "an answer broke off in the middle"))
        elif fault is None:
            self._note_silence(turn.request)

    def _in_time(self, turn: Turn, now_s: float) -> bool:
        """Something has come that may be the answer in ruins: not long after it was due, and not waited for any longer."""
        due_s = turn.sent_s + self._queue.late.patience_s(turn.request.address, now_s)
        return turn.whole_s is not None and self._beside.first_s <= due_s

    def _drain(self, turn: Turn, now_s: float, rests: bool, came: bool = False) -> None:
        """Let the line fall silent after a request without an answer, which may be late, or has `came` in ruins.

        `rests`: its station is left alone.
        """
        self._drained_by_s = self._beside.late_until_s = now_s + BUS_DRAIN_MAX_S
        if not came:
            self._draining = True
            self._held_until_s = max(self._held_until_s, now_s + self._framing.quiet_s)
        self._queue.late.give_up(turn.request, turn.sent_s, now_s, rests, came)

    def _reject(self, turn: Turn, now_s: float) -> None:
        """An answer has come before there could be one: it was meant for another request, or for another master."""
        self._beside.foreign(now_s)
        self._beside.strange_s = now_s
        self._beside.forget()
        self._fail(turn, Fault(Reason.WRONG_TRANSACTION, "an answer came before the request can have been heard"), sent=True)
        self._rest(turn, now_s, answered=False)
        self._drain(turn, now_s, rests=True)

    def _doubt(self, turn: Turn, pdu: bytes, now_s: float) -> None:
        """Its answer could be the one to an earlier request: it is asked again."""
        self._rest(turn, now_s, answered=True)
        if turn.doubts >= ANSWER_DOUBTS or not is_read(turn.request.protocol, turn.request.pdu):
            self._fail(turn, Fault(Reason.WRONG_TRANSACTION, "the answer may be the one to an earlier request"), sent=True)
            return
        turn.doubt(pdu)
        self._queue.put_back(turn)

    def _hear(self, now_s: float, answer: bytes = b"") -> None:
        """See what was said beside the `answer`: another master is let have its own, lest both be lost."""
        junk_bytes = self._framing.junk_bytes - self._junk_sent
        if answer and not junk_bytes and self._beside.is_prompt:
            self._beside.forget()
            return
        if answer and junk_bytes > LINE_NOISE_BYTES:
            self._beside.strange_s = now_s
        self._beside.hear(now_s, answer)
        if not self._outstanding:
            self._resume.at(max(self._held_until_s, self._beside.until_s, now_s))

    def _note_silence(self, request: Request) -> None:
        """Drop a connection on which nothing comes any more."""
        requests = self._silence.lasts(request, (turn.request.address for turn in self._outstanding.values()))
        if requests:
            self._hang_up(Fault(Reason.NO_CONNECTION, f"nothing was heard for {requests} requests"))

    def _hang_up(self, fault: Fault) -> None:
        """Close the connection; nothing more goes out on it."""
        self._write = None
        self._drop(fault)

    def _tell(self, passing: Passing, data: bytes = b"", turn: Turn | None = None, fault: Fault | None = None) -> None:
        if self._tap:
            request = turn and turn.request
            line = ((request and request.line) or self._line) if self._tune else None
            station, protocol = (request.address, request.protocol) if request else (None, None)
            self._tap.tell(WireEvent(asyncio.get_running_loop().time(), passing, data, station, protocol, line, fault))

    def _fail(self, turn: Turn, fault: Fault, sent: bool, again: bool = False) -> None:
        self._tally.faults[fault.reason] += 1
        if sent:
            self._tell(Passing.FAILED, turn=turn, fault=fault)
        if not (again or turn.future.done()):
            turn.future.set_exception(self._failure(turn, fault, sent))

    def _failure(self, turn: Turn, fault: Fault, sent: bool) -> ExchangeFailed:
        return ExchangeFailed(self._name, turn.request.address, fault, sent, turn.wait_s < turn.request.timeout_s)
