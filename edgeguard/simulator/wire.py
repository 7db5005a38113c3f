"""A half-duplex RS-485 pair with several stations on it, in the loop's time: characters take the time they take.

The master's end is `send` and `on_heard`; what stands behind it, a pseudo-terminal or a test, is not known here. Stations hear a
burst when the line has been quiet for 3.5 characters, and speak a while after its end. Who speaks at the same time is heard as
garbage by everybody. With a virtual loop the whole line is virtual: nothing here sleeps, reads a clock or touches a file.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from edgeguard.core.limits import LINE_PENDING_BYTES, LINE_RESOLUTION_S
from edgeguard.core.line import LineSettings
from edgeguard.simulator.uart import Piece, receive

QUIET_CHARACTERS: Final = 3.5
QUIET_MIN_S: Final = 0.00175
"""Above 19200 baud the silence between frames is fixed (MODBUS over Serial Line V1.02, 2.5.1.1)."""


@dataclass(frozen=True, slots=True)
class Burst:
    """What a station heard between two silences. `clean`: without parity and framing errors. Times are the loop's."""

    data: bytes
    clean: bool
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """What a station says, `after_s` after the end of the burst that made it speak."""

    data: bytes
    after_s: float


class Station(Protocol):
    """Somebody on the line."""

    @property
    def settings(self) -> LineSettings:
        """What its port is set to."""
        ...

    def hear(self, burst: Burst) -> Sequence[Speech]:
        """Take a burst; say what it makes the station say."""
        ...


@dataclass(frozen=True, slots=True)
class Noise:
    """What the wire adds. `bit_errors`: share of bits that arrive turned over.

    `turn_on`: share of a station's answers before which its driver, when it is switched on, makes a byte or two of junk.
    """

    bit_errors: float = 0.0
    turn_on: float = 0.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """Everything that was said on the line, for tests and traces: who (None: the master), when, what."""

    speaker: Station | None
    start_s: float
    end_s: float
    data: bytes


@dataclass(slots=True)
class LineCounters:
    """What has happened on a line."""

    collisions: int = 0
    dropped: int = 0
    """Bytes lost because too many wait to be said, or because nobody is there to take them."""


class _Run:
    """What one speaker is saying; `done` characters of it are over."""

    __slots__ = ("data", "done", "settings", "speaker", "start_s")

    def __init__(self, speaker: Station | None, start_s: float, settings: LineSettings, data: bytes) -> None:
        self.speaker = speaker
        self.start_s = start_s
        self.settings = settings
        self.data = bytearray(data)
        self.done = 0

    def start_of(self, index: int) -> float:
        return self.start_s + index * self.settings.character_s

    @property
    def next_end_s(self) -> float:
        return self.start_of(self.done + 1)

    @property
    def end_s(self) -> float:
        return self.start_of(len(self.data))


class _Ear:
    """Stations with the same settings: they hear the same, but nobody hears himself."""

    def __init__(self, settings: LineSettings) -> None:
        self.settings = settings
        self.stations: list[Station] = []
        self.pieces: list[tuple[Station | None, Piece]] = []

    @property
    def quiet_at_s(self) -> float:
        """When the burst under way counts as over."""
        return self.pieces[-1][1].end_s + quiet_s(self.settings)

    def flush(self) -> list[tuple[Station, Burst]]:
        """The burst as each of the stations has heard it."""
        pieces, self.pieces = self.pieces, []
        speakers = {id(speaker) for speaker, _ in pieces}
        whole = _burst(pieces, self.settings)
        bursts = []
        for station in self.stations:
            burst = whole
            if id(station) in speakers:
                burst = _burst([(who, piece) for who, piece in pieces if who is not station], self.settings)
            if burst is not None and burst.data:
                bursts.append((station, burst))
        return bursts


def quiet_s(settings: LineSettings) -> float:
    """The silence that ends a frame."""
    return max(QUIET_CHARACTERS * settings.character_s, QUIET_MIN_S if settings.baudrate > 19_200 else 0.0)


def _burst(pieces: Sequence[tuple[Station | None, Piece]], settings: LineSettings) -> Burst | None:
    if not pieces:
        return None
    heard = receive([piece for _, piece in pieces], settings)
    return Burst(heard.data, heard.clean, pieces[0][1].start_s, pieces[-1][1].end_s)


class Wire:
    """The pair. `settings` are those of the master's port, and may be changed between its frames; `on_heard` gets what it hears.

    `echo`: the master's adapter hears what it sends.
    """

    def __init__(
        self,
        stations: Sequence[Station] = (),
        settings: LineSettings | None = None,
        *,
        seed: int = 1,
        echo: bool = False,
        noise: Noise | None = None,
    ) -> None:
        self.settings = settings or LineSettings()
        self.noise = noise or Noise()
        self.echo = echo
        self.counters = LineCounters()
        self.on_heard: Callable[[bytes], None] = lambda _: None
        self.on_spoken: Callable[[Spoken], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._dice = random.Random(seed)  # noqa: S311  noise, not secrets
        self._ears: dict[LineSettings, _Ear] = {}
        self._runs: list[_Run] = []
        self._master_ear: list[Piece] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = float("inf")
        for station in stations:
            self.join(station)

    def join(self, station: Station) -> None:
        """A station is connected to the pair."""
        self._ears.setdefault(station.settings, _Ear(station.settings)).stations.append(station)

    def leave(self, station: Station) -> None:
        """A station is taken off; what it was saying ends at once."""
        for ear in self._ears.values():
            if any(one is station for one in ear.stations):
                ear.stations = [one for one in ear.stations if one is not station]
        self._runs = [run for run in self._runs if run.speaker is not station]

    @property
    def stations(self) -> tuple[Station, ...]:
        """Everybody on the pair but the master."""
        return tuple(station for ear in self._ears.values() for station in ear.stations)

    def send(self, data: bytes) -> None:
        """The master writes: its characters go out one after another, behind those that it wrote before."""
        self._say(None, data, self._loop.time(), self.settings)

    def say(self, speaker: Station, data: bytes, at_s: float) -> None:
        """A station speaks at `at_s`, whether or not somebody else does."""
        if self.noise.turn_on and self._dice.random() < self.noise.turn_on:
            junk = bytes(self._dice.choice((0x00, 0xFF)) for _ in range(self._dice.randint(1, 2)))
            at_s -= len(junk) * speaker.settings.character_s
            data = junk + data
        self._say(speaker, data, at_s, speaker.settings)

    def close(self) -> None:
        """Nothing more is said and nothing more is heard."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due_s = None, float("inf")
        self._runs.clear()

    def _say(self, speaker: Station | None, data: bytes, at_s: float, settings: LineSettings) -> None:
        if not data:
            return
        if sum(len(run.data) - run.done for run in self._runs) + len(data) > LINE_PENDING_BYTES:
            self.counters.dropped += len(data)
            return
        last = next((run for run in reversed(self._runs) if run.speaker is speaker), None)
        if last is not None and last.end_s >= at_s and last.settings == settings:
            last.data += data
        else:
            start_s = at_s if last is None else max(at_s, last.end_s)
            self._runs.append(_Run(speaker, start_s, settings, data))
        self._set_timer()

    def _set_timer(self) -> None:
        """Wake when something ends: a run, a burst, or a few characters that the master may have already."""
        now_s = self._loop.time()
        due_s = min(
            (max(min(run.end_s, now_s + LINE_RESOLUTION_S), run.next_end_s) for run in self._runs),
            default=float("inf"),
        )
        due_s = min([due_s, *(ear.quiet_at_s for ear in self._ears.values() if ear.pieces)])
        if self._master_ear:
            due_s = min(due_s, self._master_ear[-1].end_s + quiet_s(self.settings))
        if self._timer is not None:
            if due_s == self._due_s:
                return
            self._timer.cancel()
            self._timer = None
        self._due_s = due_s
        if due_s < float("inf"):
            self._timer = self._loop.call_at(due_s, self._wake)

    def _wake(self) -> None:
        self._timer, self._due_s = None, float("inf")
        # a virtual clock lands exactly on the timer, give or take the last bit of a float
        now_s = self._loop.time() + 1e-9
        self._pass_on(now_s)
        self._end_bursts(now_s)
        self._set_timer()

    def _pass_on(self, now_s: float) -> None:
        """Give everybody the characters that are over."""
        for_master = bytearray()
        while True:
            run = min(self._runs, key=lambda run: run.next_end_s, default=None)
            if run is None or run.next_end_s > now_s:
                break
            if self._end_bursts(run.start_of(run.done)):
                continue
            until_s = min(now_s, run.end_s)
            others = [other for other in self._runs if other is not run and other.start_of(other.done) < until_s]
            count = 1 if others else min(len(run.data), int((now_s - run.start_s) / run.settings.character_s + 1e-6)) - run.done
            end_s = run.start_of(run.done + count)
            data = self._spoil(bytes(run.data[run.done : run.done + count]))
            hit = [other for other in others if other.start_of(other.done) < end_s]
            if hit:
                data = self._collide(data, bytes(other.data[other.done] for other in hit))
            piece = Piece(run.start_of(run.done), run.settings, data)
            for_master += self._spread(run.speaker, piece, any(other.speaker is None for other in hit))
            run.done += count
            if run.done >= len(run.data):
                self._runs.remove(run)
                self._tell(run)
        if for_master:
            self._give_master(bytes(for_master))

    def _spread(self, speaker: Station | None, piece: Piece, master_speaks: bool) -> bytes:
        """Put a piece into all ears; what of it the master has now."""
        for ear in self._ears.values():
            if ear.stations and piece.data:
                ear.pieces.append((speaker, piece))
        deaf = (speaker is None or master_speaks) and not self.echo
        if deaf or not piece.data:
            return b""
        if piece.settings == self.settings and not self._master_ear:
            return piece.data
        self._master_ear.append(piece)
        return b""

    def _end_bursts(self, now_s: float) -> bool:
        """Let the stations hear what is over by `now_s`; whether one of them has something to say to it."""
        said = False
        if self._master_ear and self._master_ear[-1].end_s + quiet_s(self.settings) <= now_s:
            pieces, self._master_ear = self._master_ear, []
            self._give_master(receive(pieces, self.settings).data)
        for ear in tuple(self._ears.values()):
            if ear.pieces and ear.quiet_at_s <= now_s:
                for station, burst in ear.flush():
                    for speech in station.hear(burst):
                        self.say(station, speech.data, burst.end_s + speech.after_s)
                        said = True
        return said

    def _give_master(self, data: bytes) -> None:
        if data:
            self.on_heard(data)

    def _tell(self, run: _Run) -> None:
        if self.on_spoken is not None:
            self.on_spoken(Spoken(run.speaker, run.start_s, run.end_s, bytes(run.data)))

    def _spoil(self, data: bytes) -> bytes:
        """Turn bits over, as many as the wire is bad."""
        if not self.noise.bit_errors:
            return data
        spoilt = bytearray(data)
        for index in range(len(spoilt)):
            for bit in range(8):
                if self._dice.random() < self.noise.bit_errors:
                    spoilt[index] ^= 1 << bit
        return bytes(spoilt)

    def _collide(self, data: bytes, others: bytes) -> bytes:
        """Two drivers against each other: neither byte survives, and sometimes the receiver sees one character instead of two."""
        self.counters.collisions += 1
        if self._dice.random() < 0.5:
            return b""
        value = data[0]
        for other in others:
            value &= other
        return bytes((value ^ self._dice.randint(1, 255),))
