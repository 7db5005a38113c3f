"""A round in the making: the column of outcomes, whether anything answered, and whether it is worth asking on."""

from collections.abc import Iterable, Sequence

from edgeguard.codec.block import Block
from edgeguard.core.clock import Clock, Stamp
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault


class Round:
    """One pass over some columns. `lost` is set when asking on is pointless: the fault that the rest of the round shares.

    `asked_at` tells for each column when the request went out whose answer it comes from; None where none came.

    A device that has not answered at all in this round is given up after one silence; one that has is forgiven a single
    lost frame, and given up after two silences in a row. So a dead device costs one time-out, not one for each read.
    """

    def __init__(self, column: Sequence[Outcome], clock: Clock, first_wait_s: float | None, wait_s: float | None) -> None:
        self.outcomes: list[Outcome] = list(column)
        self.asked_at: list[Stamp | None] = [None] * len(self.outcomes)
        self.answered = False
        self.lost: Fault | None = None
        self._clock = clock
        self._first_wait_s = first_wait_s
        self._wait_s = wait_s
        self._at: Stamp | None = None
        self._asked_at: Stamp | None = None
        self._silences = 0

    @property
    def at(self) -> Stamp:
        """When the last answer came; now, if none came."""
        return self._at or self._clock.now()

    @property
    def wait_s(self) -> float | None:
        """How long to wait for the next answer: `first_wait_s` until one has come. None: all its time, whatever befalls others."""
        return self._wait_s if self.answered else self._first_wait_s

    def heard(self, took_s: float) -> None:
        """A valid answer, an exception included, so long after its request."""
        self.answered = True
        self._silences = 0
        self._at = self._clock.now()
        self._asked_at = self._at.before(took_s)

    def silent(self, fault: Fault) -> None:
        """A request that the device did not answer."""
        self._silences += 1
        if not self.answered or self._silences > 1:
            self.lost = fault

    def put(self, block: Block, outcomes: Sequence[Outcome]) -> None:
        """What a block's answer decodes to."""
        if block.columns is not None:
            self.outcomes[block.columns] = outcomes
            self.asked_at[block.columns] = [self._asked_at] * len(outcomes)
            return
        for index, outcome in zip(block.members, outcomes, strict=True):
            self.put_one(index, outcome)

    def put_one(self, index: int, outcome: Outcome) -> None:
        """What the last answer says of one column."""
        self.outcomes[index], self.asked_at[index] = outcome, self._asked_at

    def fill(self, members: Iterable[int], fault: Fault) -> None:
        """The same fault in all of these columns."""
        for index in members:
            self.outcomes[index] = fault
