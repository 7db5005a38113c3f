"""A scan as shown on the control socket: how far it is, what it has found, and why a profile is thought to fit."""

from dataclasses import dataclass

from edgeguard.control.views import LabelsView


@dataclass(frozen=True, slots=True)
class ScoreView:
    """How well a profile fits, 0 to 1, with what speaks for it and against it."""

    profile: str
    kind: str
    value: float
    speaks_for: tuple[LabelsView, ...]
    speaks_against: tuple[LabelsView, ...]


@dataclass(frozen=True, slots=True)
class FoundView:
    """A device that answers. `line` is empty on a network; `variant` is a meter's edition or the order of its identifiers.

    `doubtful`: another profile fits nearly as well. `every_s`: how often it may be asked, so that the line bears all that was
    found; 0 while the scan goes on and where no profile fits. `configured`: the device that the configuration has at this address
    already, which did not answer when the scan began, perhaps for its line settings; empty if there is none.
    """

    protocol: str
    address: str
    line: str
    variant: str
    said: LabelsView
    doubtful: bool
    scores: tuple[ScoreView, ...]
    every_s: float = 0.0
    configured: str = ""

    @property
    def best(self) -> ScoreView | None:
        """The profile that fits best."""
        return self.scores[0] if self.scores else None


@dataclass(frozen=True, slots=True)
class NoiseView:
    """Something that answered and could not be understood."""

    protocol: str
    address: str
    line: str
    heard: str


@dataclass(frozen=True, slots=True)
class ScanView:
    """A scan of one wire. `ended` is empty while it goes on, then `complete`, `stopped`, or why it could not go on.

    `asking_s` is what the questions take if nobody answers; `expected_s` adds looking closer at those that have answered, and at
    as many as are still likely. `look_s` is the shortest and longest that one device takes. `rest_s` is what is left by now.
    """

    bus: str
    asked: int
    questions: int
    elapsed_s: float
    expected_s: float
    rest_s: float
    doing: str
    ended: str
    found: tuple[FoundView, ...]
    noises: tuple[NoiseView, ...]
    asking_s: float = 0.0
    look_s: tuple[float, ...] = (0.0, 0.0)
