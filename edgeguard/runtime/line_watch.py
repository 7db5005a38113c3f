"""Watches one wire: its load, its quality over the day, and the faults at which the flight recorder is frozen.

Looks at counters every few seconds; bytes are looked at only when a counter says that there is something to see. What a
person ought to know becomes a health event with the frames that led to it.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edgeguard.bus import Bus, LinkState
from edgeguard.bus.flight import FlightRecorder, Record
from edgeguard.core.clock import Stamp
from edgeguard.core.health import FrameNote, Health, HealthSink
from edgeguard.core.limits import (
    BURST_FAULTS,
    BURST_S,
    FLIGHT_FROZEN,
    FLIGHT_FROZEN_S,
    FLIGHT_QUIET_S,
    FLOOD_BYTES,
    QUALITY_LOOK_S,
    QUALITY_LOOKS,
)
from edgeguard.core.point import Labels
from edgeguard.core.quality import Reason
from edgeguard.rules.line_quality import Day, LineCounts, LineWork, add_to_day, work_between
from edgeguard.runtime.flight_notes import Moment, for_event, foreign_requests, newest, notes
from edgeguard.runtime.poller import Poller

_FOREIGN_LEAST = 2
"""One request that came in may be chance; two are a master."""
_BURST = Labels("应答成批损坏:线缆或终端电阻", "a burst of spoilt answers: cable or termination")
_FLOOD = Labels("线路被杂散数据占满", "the line is flooded with bytes that are no answer")
_SECOND_MASTER = Labels("总线上有第二个主站", "a second master asks on this bus")
_LOST = Labels("连接已断开", "the connection is lost")
_LOST_LOOKS: Final = 2
"""Looks in a row without a connection: adapters and converters that are back at once are only counted."""
_TROUBLES: Final[Mapping[str, Labels]] = MappingProxyType({"crc-burst": _BURST, "flood": _FLOOD, "second-master": _SECOND_MASTER})


@dataclass(frozen=True, slots=True)
class Frozen:
    """A fault and what passed on the wire before it."""

    code: str
    device: str
    at: Stamp
    text: Labels
    frames: tuple[FrameNote, ...]


class LineWatch:
    """One wire with the pollers on it. `tell` takes the news."""

    def __init__(self, bus: Bus, pollers: Sequence[Poller], network: bool, character_s: float, tell: HealthSink) -> None:
        self.bus = bus
        self.network = network
        self.character_s = character_s
        self.recorder = FlightRecorder()
        self.day = Day()
        self.frozen: deque[Frozen] = deque(maxlen=FLIGHT_FROZEN)
        self._pollers = tuple(pollers)
        self._stations = {str(poller.device.name): str(poller.device.spec.address) for poller in pollers}
        self._tell = tell
        self._looks: deque[LineCounts] = deque(maxlen=QUALITY_LOOKS + 1)
        self._lost = 0
        self._timeouts: dict[str, int] = {}
        self._read_to = 0
        self._standing: dict[tuple[str, str], float] = {}
        self._away = 0
        """Looks in a row at which a connection that had been there was not."""
        self._leave = bus.listen(self.recorder.note)

    @property
    def recent(self) -> LineWork:
        """What the line did in about the last minute."""
        return work_between(self._looks[0], self._looks[-1]) if len(self._looks) > 1 else LineWork()

    @property
    def troubles(self) -> tuple[Labels, ...]:
        """What is wrong with the wire itself at this time; silent devices and a lost connection speak for themselves."""
        return tuple(_TROUBLES[code] for code, _ in self._standing if code in _TROUBLES)

    def stop(self) -> None:
        """Listen no longer."""
        self._leave()

    def look(self, moment: Moment) -> None:
        """Look at the counters, if it is time; `moment` is now."""
        now_s = moment.loop_s
        if self._looks and now_s - self._looks[-1].at_s < QUALITY_LOOK_S:
            return
        counts = self._counts(now_s)
        if self._looks:
            work = work_between(self._looks[-1], counts)
            self.day = add_to_day(self.day, work, moment.stamp.wall_ms / 1000.0)
            self._looks.append(counts)
            self._judge_line(work, moment)
        else:
            self._looks.append(counts)
        self._judge_connection(moment)
        self._judge_devices(moment)

    def _counts(self, now_s: float) -> LineCounts:
        stats = self.bus.stats
        timeouts = stats.faults.get(Reason.TIMEOUT, 0)
        if timeouts != self._timeouts.get("", 0):
            self._timeouts[""] = timeouts
            self._count_lost()
        return LineCounts(
            at_s=now_s,
            requests=stats.requests,
            answers=stats.answers,
            faults=stats.faults,
            lost=self._lost,
            junk_bytes=stats.junk_bytes,
            late_answers=stats.late_answers,
            reconnects=stats.reconnects,
            busy_s=stats.busy_s,
        )

    def _count_lost(self) -> None:
        """Time-outs of devices that live; those of a dead one say nothing of the line."""
        for poller in self._pollers:
            name = str(poller.device.name)
            timeouts = poller.device.stats.faults.get(Reason.TIMEOUT, 0)
            if not poller.silent_rounds and poller.figures.rounds > poller.figures.failures:
                self._lost += timeouts - self._timeouts.get(name, 0)
            self._timeouts[name] = timeouts

    def _judge_line(self, work: LineWork, moment: Moment) -> None:
        burst = self._within(BURST_S, work)
        self._stand("crc-burst", burst.spoilt >= BURST_FAULTS, moment, _BURST)
        self._stand("flood", burst.junk_bytes >= FLOOD_BYTES, moment, _FLOOD)
        since = list(self.recorder.since(self._read_to, moment.loop_s)) if self._has_strangers(work) else []
        self._read_to = self.recorder.next
        self._stand("second-master", foreign_requests(since) >= _FOREIGN_LEAST, moment, _SECOND_MASTER)

    def _has_strangers(self, work: LineWork) -> bool:
        return not self.network and (work.junk_bytes > 0 or work.strange > 0)

    def _within(self, seconds: float, work: LineWork) -> LineWork:
        """The work of the last looks that are not older than `seconds`."""
        newest_ = self._looks[-1]
        oldest = next((counts for counts in self._looks if newest_.at_s - counts.at_s <= seconds + QUALITY_LOOK_S / 2), None)
        return work if oldest is None or oldest is newest_ else work_between(oldest, newest_)

    def _judge_connection(self, moment: Moment) -> None:
        """One that has been there, and is not; what passed before it went is kept."""
        stats = self.bus.stats
        there = stats.state is LinkState.CONNECTED or not stats.answers
        self._away = 0 if there else self._away + 1
        self._stand("connection-lost", self._away >= _LOST_LOOKS, moment, _LOST)

    def _judge_devices(self, moment: Moment) -> None:
        """A device that has answered and has fallen silent, while the connection stands."""
        connected = self.bus.stats.state is LinkState.CONNECTED
        for poller in self._pollers:
            name = str(poller.device.name)
            if poller.silent_rounds >= 2:
                if connected and poller.figures.rounds > poller.figures.failures:
                    text = Labels(f"设备 {name} 无应答", f"device {name} has fallen silent")
                    self._stand("device-silent", True, moment, text, name)
            elif not poller.silent_rounds and ("device-silent", name) in self._standing:
                self._over("device-silent", name, Labels(f"设备 {name} 恢复应答", f"device {name} answers again"))

    def _stand(self, code: str, is_so: bool, moment: Moment, text: Labels, device: str = "") -> None:
        """A trouble that is there, or not at this look; news when it begins, and when it has been away for long enough."""
        key, now_s = (code, device), moment.loop_s
        if is_so:
            begins = key not in self._standing
            self._standing[key] = now_s
            if begins:
                self._freeze(code, device, moment, text)
        elif key in self._standing and now_s - self._standing[key] > FLIGHT_QUIET_S:
            self._over(code, device, Labels(f"{text.zh}:已消失", f"{text.en}: over"))

    def _over(self, code: str, device: str, text: Labels) -> None:
        del self._standing[code, device]
        self._tell(Health(f"bus.{self.bus.name}", code, ok=True, text=text))

    def _freeze(self, code: str, device: str, moment: Moment, text: Labels) -> None:
        records = newest(self.recorder.last(FLIGHT_FROZEN_S, moment.loop_s))
        frames = self.notes(records, moment)
        self.frozen.append(Frozen(code, device, moment.stamp, text, frames))
        detail = f"{len(frames)} frames are kept; see: edgeguard bus {self.bus.name} --flight"
        told = for_event(frames, self._stations.get(device, ""))
        self._tell(Health(f"bus.{self.bus.name}", code, ok=False, text=text, detail=detail, frames=told))

    def notes(self, records: Sequence[Record], moment: Moment) -> tuple[FrameNote, ...]:
        """Records of this wire in words."""
        return notes(records, self.network, self.character_s, moment)
