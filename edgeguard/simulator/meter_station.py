"""What the meters of both Chinese protocols have in common as stations on a line: the walk over a stream, bursts, preambles.

Written apart from the gateway's codec. Knows neither identifiers nor control codes: a frame is what stands at its length.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.line import LineSettings, Parity
from edgeguard.simulator.wire import Burst, Speech

METER_LINE: Final = LineSettings(2400, Parity.EVEN)
TURNAROUND_S: Final = 0.06
BYTE_PAUSE_S: Final = 0.5
START, END, WAKE = 0x68, 0x16, 0xFE

Frame = tuple[bytes, int, bytes]
"""Address in wire order, control code, data."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where things stand in a frame: the data behind `head` bytes, its length in the last of them, the control code before.

    `second_start`: another 68H stands before the control code. `added` is what every byte of data has added on the wire.
    """

    head: int
    max_data_bytes: int
    second_start: bool = False
    added: int = 0

    def frame(self, address: bytes, control: int, data: bytes) -> bytes:
        """A frame without preamble; `data` as the meter means it."""
        middle = bytes((START,)) if self.second_start else b""
        body = bytes((START,)) + address + middle + bytes((control, len(data))) + bytes((byte + self.added) & 0xFF for byte in data)
        return body + bytes((sum(body) & 0xFF, END))

    def frames(self, stream: bytes) -> tuple[list[Frame], bytes]:
        """Whole frames in a stream, and the rest that may become one."""
        # what looks like a beginning may be the middle of another protocol's frame: a whole frame behind it is one all the same
        found: list[Frame] = []
        place, begun = 0, len(stream)
        while (place := stream.find(START, place)) >= 0:
            head = stream[place : place + self.head]
            if len(head) < self.head:
                begun = min(begun, place)
                break
            size = self.head + head[-1] + 2
            if (self.second_start and head[-3] != START) or head[-1] > self.max_data_bytes:
                place += 1
                continue
            whole = stream[place : place + size]
            if len(whole) < size:
                begun = min(begun, place)
                place += 1
                continue
            if whole[-1] != END or sum(whole[:-2]) & 0xFF != whole[-2]:
                place += 1
                continue
            address = head[1 : -3 if self.second_start else -2]
            found.append((address, head[-2], bytes((byte - self.added) & 0xFF for byte in whole[self.head : -2])))
            place += size
            begun = len(stream)
        return found, stream[begun:]


class MeterStation(ABC):
    """One meter. `address` is in wire order; `refuses`: whether it answers everything with an error now."""

    def __init__(
        self,
        shape: Shape,
        address: bytes,
        settings: LineSettings,
        *,
        turnaround_s: float,
        preamble: int,
        refuses: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.turnaround_s = turnaround_s
        self.address = address
        self._shape = shape
        self._preamble = bytes((WAKE,)) * preamble
        self._refuses = refuses
        self._begun = b""
        self._last_s = float("-inf")

    def hear(self, burst: Burst) -> Sequence[Speech]:
        """Answers to the frames that this burst completes."""
        begun = self._begun if burst.start_s - self._last_s <= BYTE_PAUSE_S else b""
        self._last_s = burst.end_s
        heard, self._begun = self._shape.frames(begun + burst.data)
        if not burst.clean:
            return ()
        speeches = []
        for asked, control, data in heard:
            said = self._answer(asked, control, data)
            if said is not None:
                whole = self._shape.frame(self._answers_as(asked), *said)
                speeches.append(Speech(self._preamble + whole, self.turnaround_s))
        return speeches

    def _answers_as(self, asked: bytes) -> bytes:
        """The address in the answer to a question to `asked`."""
        return self.address

    @abstractmethod
    def _answer(self, asked: bytes, control: int, data: bytes) -> tuple[int, bytes] | None:
        """Control code and data of the answer; None for silence."""
