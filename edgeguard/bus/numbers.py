"""Answers under a number: what a gateway to a serial line puts under it may be the answer to another request all the same.

The line behind it bears no numbers. A gateway that has given a request up, and says so or not, takes what comes late for the answer
to the next one, as any careless master does; another puts each answer under the number that came last. Number and unit are right
then, the value is another register's. So what comes after a request without an answer is doubted as on a line that is our own
(bus.late), and asked again, until the missing one has come under its own number, or could not come any more.
"""

from collections import OrderedDict
from collections.abc import Collection

import structlog

from edgeguard.bus.late import LateAnswers
from edgeguard.bus.queue import Turn
from edgeguard.codec.alike import fits
from edgeguard.codec.modbus import SILENT_DEVICE, exception_code
from edgeguard.core.ids import BusName
from edgeguard.core.limits import BUS_MAX_OUTSTANDING

_log = structlog.get_logger()


class Numbers:
    """The requests of a wire whose frames are numbered, at most `parallel` at once. `late` is what its stations owe.

    A gateway that was seen to answer under another's number is asked one thing at a time from then on.
    """

    def __init__(self, name: BusName, late: LateAnswers, parallel: int) -> None:
        self.parallel = parallel
        self._name = name
        self._late = late
        self._missed: OrderedDict[int, Turn] = OrderedDict()
        """Those given up, by their numbers."""

    def sent(self, turn: Turn) -> None:
        """This goes out now."""
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
        request = turn.request
        if exception_code(answer) == SILENT_DEVICE or not _fits(turn, answer):
            # Its own answer may still come. The driver says what is wrong with this one.
            self._owes(turn, now_s)
            if any(_fits(other, answer) for other in others):
                self._mixed_up()
            return True
        if any(_may_be(other, turn, answer) for other in others):
            self._owes(turn, now_s)
            return False
        return self._late.trusts(request, answer, turn.sent_s, now_s, now_s, now_s)

    def _mixed_up(self) -> None:
        if self.parallel > 1:
            self.parallel = 1
            _log.warning("bus.numbers_mixed", bus=self._name, detail="answers under each other's numbers; asked one by one now")

    def _owes(self, turn: Turn, now_s: float) -> None:
        self._late.give_up(turn.request, turn.sent_s, now_s, rests=False)


def _may_be(other: Turn, turn: Turn, answer: bytes) -> bool:
    """It could be the answer to the other one, which asked the same unit for something else."""
    request = other.request
    return request.address == turn.request.address and request.pdu != turn.request.pdu and _fits(other, answer)


def _fits(turn: Turn, answer: bytes) -> bool:
    request = turn.request
    return fits(request.protocol, request.address, request.pdu, answer)
