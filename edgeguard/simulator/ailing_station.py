"""A station on a line and what ails the way it speaks: late, broken off, twice over, garbled, unasked for."""

import random
from collections.abc import Sequence

from edgeguard.core.line import LineSettings
from edgeguard.simulator.ailment import Ailment, Flooding, GluedFrame, HalfFrame, Noisy, Silent, Slow
from edgeguard.simulator.wire import Burst, Speech, Station


class AilingStation:
    """Wraps a healthy station; `ailment` may be changed at any time."""

    def __init__(self, station: Station, seed: int = 1) -> None:
        self.station = station
        self.ailment: Ailment | None = None
        self._dice = random.Random(seed)  # noqa: S311  faults, not secrets

    @property
    def settings(self) -> LineSettings:
        """What its port is set to."""
        return self.station.settings

    def hear(self, burst: Burst) -> Sequence[Speech]:
        """What the station says, as it comes out of a sick one."""
        if isinstance(self.ailment, Silent):
            return ()
        return [self._spoil(speech) for speech in self.station.hear(burst)]

    def babble(self, room_s: float) -> bytes:
        """What a flooding device says of itself in `room_s` seconds."""
        if not isinstance(self.ailment, Flooding):
            return b""
        return self._dice.randbytes(max(1, int(self.ailment.share * room_s / self.settings.character_s)))

    def _spoil(self, speech: Speech) -> Speech:
        match self.ailment:
            case Slow(delay_s):
                return Speech(speech.data, speech.after_s + delay_s)
            case HalfFrame():
                return Speech(speech.data[: len(speech.data) // 2], speech.after_s)
            case GluedFrame():
                return Speech(speech.data * 2, speech.after_s)
            case Noisy(bit_errors):
                return Speech(garbled(speech.data, bit_errors, self._dice), speech.after_s)
            case _:
                return speech


def garbled(data: bytes, bit_errors: float, dice: random.Random) -> bytes:
    """The data with a share of its bits turned over."""
    spoilt = bytearray(data)
    for index in range(len(spoilt)):
        for bit in range(8):
            if dice.random() < bit_errors:
                spoilt[index] ^= 1 << bit
    return bytes(spoilt)
