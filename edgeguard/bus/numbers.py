"""Answers under a number: what a gateway to a serial line puts under it may be the answer to another request all the same.

The line behind it bears no numbers. A gateway that has given a request up, and says so or not, takes what comes late for the answer
to the next one, as any careless master does; another puts each answer under the number that came last. Number and unit are right
then, the value is another register's. So what comes after a request without an answer is doubted as on a line that is our own
(bus.late), and asked again, until the missing one has come under its own number, or could not come any more.
"""

from collections import OrderedDict
from collections.abc import Collection

from edgeguard.bus.late import LateAnswers
from edgeguard.bus.queue import Turn
from edgeguard.codec.alike import fits
from edgeguard.codec.modbus import SILENT_DEVICE, exception_code
from edgeguard.core.limits import BUS_MAX_OUTSTANDING
from edgeguard.core.line_limits import NUMBER_TRAVELS_S


class Numbers:
    """The requests of a wire whose frames are numbered. `late` is what its stations owe."""

    def __init__(self, late: LateAnswers) -> None:
        self._late = late
        self._last: Turn | None = None
        self._missed: OrderedDict[int, Turn] = OrderedDict()
        """Those given up, by their numbers."""
        self._apart = False
        """Of several that wait each gets its own: an answer has borne a number that was not the last to be heard."""

    def sent(self, turn: Turn) -> None:
        """This goes out now."""
        self._last = turn
        self._late.sent(turn.request)

    def missed(self, transaction: int, turn: Turn, now_s: float) -> None:
        """This is waited for no longer."""
        self._owes(turn, now_s)
        self._missed[transaction] = turn
        if len(self._missed) > BUS_MAX_OUTSTANDING:
            self._missed.popitem(last=False)

    def came(self, transaction: int, answer: bytes, now_s: float) -> None:
        """A late answer, under a number that was given up."""
        turn = self._missed.pop(transaction, None)
        if turn is not None and exception_code(answer) != SILENT_DEVICE:
            self._late.came(turn.request, turn.sent_s, now_s)

    def trusts(self, turn: Turn, answer: bytes, others: Collection[Turn], now_s: float) -> bool:
        """Whether an answer under the number of this turn can be none to another request; `others` wait beside it."""
        if turn is not self._last and self._last is not None and now_s - self._last.sent_s >= NUMBER_TRAVELS_S:
            self._apart = True
        request = turn.request
        if exception_code(answer) == SILENT_DEVICE or not fits(request.protocol, request.address, request.pdu, answer):
            # Its own answer may still come. The driver says what is wrong with this one.
            self._owes(turn, now_s)
            return True
        if not self._apart and any(_may_be(other, turn, answer) for other in others):
            self._owes(turn, now_s)
            return False
        return self._late.trusts(request, answer, turn.sent_s, now_s, now_s, now_s)

    def _owes(self, turn: Turn, now_s: float) -> None:
        self._late.give_up(turn.request, turn.sent_s, now_s, rests=False)


def _may_be(other: Turn, turn: Turn, answer: bytes) -> bool:
    """It could be the answer to the other one, which asked the same unit for something else."""
    request = other.request
    alike = request.address == turn.request.address and request.pdu != turn.request.pdu
    return alike and fits(request.protocol, request.address, request.pdu, answer)
