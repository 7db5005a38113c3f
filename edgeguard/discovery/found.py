"""What a scan has found so far, as frozen values."""

from dataclasses import dataclass, field

from edgeguard.core.identify import Score
from edgeguard.core.ids import ProfileName
from edgeguard.core.line import LineSettings, Protocol, Station
from edgeguard.core.point import Labels


@dataclass(frozen=True, slots=True)
class Found:
    """A device that answers. `said`: what it says of itself; `scores`: profiles that fit, the best first.

    `line`: the serial settings at which it answers, None on a network. `variant` tells a meter's edition (`2007`, `1997`), or
    the order of its identifiers (`901F`, `1F90`).
    """

    protocol: Protocol
    station: Station
    line: LineSettings | None
    variant: str = ""
    said: Labels = field(default_factory=lambda: Labels("", ""))
    scores: tuple[Score, ...] = ()

    @property
    def profile(self) -> ProfileName | None:
        """The profile that fits best, None if none does."""
        return self.scores[0].profile if self.scores else None

    @property
    def doubtful(self) -> bool:
        """Little speaks for it, or another profile fits nearly as well: a person should compare with the display."""
        if not self.scores:
            return False
        is_weak = self.scores[0].value < SURE_SCORE
        return is_weak or (len(self.scores) > 1 and self.scores[1].value > CLOSE_SHARE * self.scores[0].value)


CLOSE_SHARE = 0.9
SURE_SCORE = 0.3
"""Below this what speaks for a profile is not much: values that could be anything, or a pattern that many devices fit."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Something was heard where an answer was waited for, but no answer: two devices at one address, or other settings."""

    protocol: Protocol
    station: Station
    line: LineSettings | None
    heard: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is. `asking_s`: seconds that all questions take if nobody answers; `expected_s`: what is asked, the devices
    that were found, and those that are still likely; `rest_s`: what is left by now, as fast as it went up to now.

    `look_s`: the shortest and longest that one device takes to be identified.
    """

    asked: int
    questions: int
    elapsed_s: float
    asking_s: float
    expected_s: float
    rest_s: float
    doing: str
    found: tuple[Found, ...]
    noises: tuple[Noise, ...]
    look_s: tuple[float, float] = (0.0, 0.0)
    ended: str = ""
    """Empty while it goes on; `complete`, `stopped`, or why it could not go on."""
