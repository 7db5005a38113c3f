"""What was counted while a wire was listened to: per station and for the line as a whole."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Polled:
    """One request that came again and again: in words, how often, and how far apart (0 where it came once)."""

    request: str
    count: int
    every_s: float


@dataclass(frozen=True, slots=True)
class StationFigures:
    """One station. `broken`: answers that did not arrive whole; `retries`: requests that repeat an unanswered one at once;
    `crowded`: times that something else came in its place or behind it, junk or a second answer; `late`: answers that came when
    their request had been given up, at most `late_s` after it began.

    Response times run from the beginning of a request to the end of its answer; 0 while there is none.
    """

    station: str
    form: str
    requests: int = 0
    answers: int = 0
    exceptions: int = 0
    unanswered: int = 0
    broken: int = 0
    retries: int = 0
    crowded: int = 0
    late: int = 0
    response_p50_s: float = 0.0
    response_p95_s: float = 0.0
    late_s: float = 0.0
    polled: tuple[Polled, ...] = ()

    @property
    def heard(self) -> int:
        """Whole answers in time, refusals among them."""
        return self.answers + self.exceptions


@dataclass(frozen=True, slots=True)
class LineFigures:
    """The line. `foreign`: requests that came in on a wire where we are the master; `unasked`: answers to nobody's request.

    `bursts`: times at which several frames broke within seconds. `uart_errors`: framing and parity errors that the port's
    driver has counted, None where it does not count.
    """

    seconds: float
    stations: tuple[StationFigures, ...] = ()
    received_bytes: int = 0
    junk_bytes: int = 0
    noise_bytes: int = 0
    """Of the junk, 00 and FF: drivers that switch."""
    broken: int = 0
    bursts: int = 0
    foreign: int = 0
    unasked: int = 0
    echoes: int = 0
    broadcasts: int = 0
    """Requests to everybody, which nobody answers."""
    uart_errors: int | None = None
