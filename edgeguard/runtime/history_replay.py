"""A history replayed in blocks: stretches of rounds of which nothing comes are passed over at once, the others taken one by one.

What is said, and when, is the same as round by round (`rule_replay`), for a stretch is passed over only if every alarm and every
family has said of each of its rounds that it would leave it out. No stretch goes beyond the next round that has to be taken of a
neighbour that its rules read; it is broken off when alarms of the device have moved, and when a second has ticked for which
something was waiting.
"""

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from itertools import chain

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import DeviceName
from edgeguard.core.site import DeviceSpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.core.trend import TrendBlock
from edgeguard.runtime.alarm_links import refs_of
from edgeguard.runtime.replay_stage import Replayed, Stage, next_tick_ms
from edgeguard.runtime.replay_track import NEVER_KEY, Block, Key, Track, may_rest, rests_until
from edgeguard.runtime.watches import Stretch


def replay_blocks(site: Site, blocks: Iterable[TrendBlock]) -> Replayed:
    """Let the rules of `site` run on these blocks: in the order of their beginnings, those of one device one behind the other."""
    player = _BlockPlayer(site, blocks)
    player.play()
    return player.stage.replayed()


class _BlockPlayer:
    """Brings rounds, stretches and seconds to a stage in the order of their time."""

    def __init__(self, site: Site, blocks: Iterable[TrendBlock]) -> None:
        self.stage = Stage(site)
        self._blocks = enumerate(blocks)
        self._next: tuple[int, TrendBlock] | None = None
        self._tracks: dict[DeviceName, Track] = {}
        self._looks: list[tuple[Key, DeviceName, int]] = []
        """When which track is looked at next; one of an older version does not count."""
        self._beside = {spec.name: _beside(spec) for spec in site.devices}
        self._read, self._restless = _read(site, self._beside), _restless(site)
        self._idle_ms = -1.0
        """Until this boot time no second can be of interest, as far as is known."""
        self._since_ms = 0
        """The last round of any device."""

    def play(self) -> None:
        """From the first block to the last."""
        self._advance()
        if self._next is None:
            return
        self.stage.begin(self._next[1].walls_ms[0])
        self._since_ms = self.stage.clock.wall_ms
        while True:
            self._load()
            if not self._looks:
                break
            key, name, version = heappop(self._looks)
            track = self._tracks[name]
            if version == track.version:
                self._look(track, key)
        self._end()

    # --- blocks

    def _advance(self) -> None:
        self._next = next(self._blocks, None)

    def _frontier(self) -> Key:
        """Before this moment every round is known."""
        return NEVER_KEY if self._next is None else (self._next[1].walls_ms[0], self._next[0])

    def _load(self) -> None:
        """All blocks that begin before the next look."""
        while self._next is not None and (not self._looks or self._frontier() <= self._looks[0][0]):
            number, block = self._next
            track = self._tracks.get(block.device)
            if track is None:
                record = self.stage.pipeline.records.get(block.device)
                track = self._tracks[block.device] = Track(block.device, record)
                if record is None:
                    self.stage.unknown.add(block.device)
            idle = track.key() == NEVER_KEY
            track.add(number, block)
            if idle:
                self._plan(track)
            self._advance()

    # --- looks

    def _plan(self, track: Track) -> None:
        """The track is looked at when its stretch ends."""
        track.version += 1
        key = track.key()
        if key != NEVER_KEY:
            heappush(self._looks, (key, track.device, track.version))

    def _look(self, track: Track, key: Key) -> None:
        """A row has come that may have to be taken, if it is not the first of another stretch."""
        version = track.version
        self._pass_time(key[0])
        if track.version != version:
            return
        self._pass_over(track, key)
        block = track.open()
        if block is None:
            return
        if track.record is None:
            track.rests = len(block.walls_ms)
            self._plan(track)
            return
        track.rests = self._rests_until(track)
        track.state = None if track.record is None else track.record.state
        if track.rests <= track.next:
            self._take(track, block)
        self._plan(track)

    def _rests_until(self, track: Track) -> int:
        if track.device in self._restless or not may_rest(track):
            return track.next
        beside = self._beside[track.device]
        horizon = NEVER_KEY
        if beside:
            horizon = min((self._tracks[name].key() for name in beside if name in self._tracks), default=NEVER_KEY)
            horizon = min(horizon, self._frontier())
            for name in beside:
                if name in self._tracks:
                    self._pass_over(self._tracks[name], track.key())
        rests = [watch.rest(track.device) for watch in self.stage.watches]
        return rests_until(track, rests, self._tracks, self.stage.clock.start_ms, horizon)

    def _take(self, track: Track, block: Block) -> None:
        """One round, as it was polled."""
        stage, row = self.stage, track.next
        key = (block.walls_ms[row], block.number)
        record = track.record
        assert record is not None  # noqa: S101 (unknown devices are never taken)
        for name in self._read[track.device]:
            if name in self._tracks:
                self._pass_over(self._tracks[name], key)
        stage.clock.wall_ms = self._since_ms = key[0]
        before = stage.pipeline.desk.settled
        outcomes = block.row(row)
        stage.pipeline.take(Snapshot(track.device, stage.clock.now(), record.rules.points, outcomes, block.answers(row)))
        stage.rounds += 1
        self._idle_ms = -1.0
        track.next = track.rests = row + 1
        if stage.pipeline.desk.settled != before:
            self._wake([name for name, one in self._tracks.items() if one.has_moved()], key)

    def _wake(self, names: Iterable[DeviceName], key: Key) -> None:
        """These are looked at anew at their next row behind a moment."""
        for name in names:
            track = self._tracks.get(name)
            if track is not None and track.record is not None:
                self._pass_over(track, key)
                if track.rests > track.next:
                    track.rests = track.next
                    self._plan(track)

    def _pass_over(self, track: Track, key: Key) -> None:
        """The rows before a moment that rest are over."""
        block = track.block
        if block is None or track.next >= track.rests:
            return
        end = min(track.before(key), track.rests)
        if end <= track.next:
            return
        self._since_ms = max(self._since_ms, block.walls_ms[end - 1])
        if track.record is not None:
            self.stage.rounds += end - track.next
            at = self._moment(block, end - 1)
            track.refresh(end, at)
            stretch = Stretch(block.read, track.next, end, lambda k: self._moment(block, k))
            for watch in self.stage.watches:
                watch.rested(track.record, stretch)
        track.next = end

    def _moment(self, block: Block, row: int) -> Stamp:
        wall_ms = block.walls_ms[row]
        now = self.stage.clock.now()
        return Stamp(wall_ms, wall_ms - self.stage.clock.start_ms, now.boot, synced=True)

    # --- time

    def _pass_time(self, wall_ms: int) -> None:
        """Seconds tick up to a moment, as far as anything may be waiting for them."""
        stage = self.stage
        clock, pipeline = stage.clock, stage.pipeline
        while wall_ms - clock.start_ms > self._idle_ms:
            self._idle_ms = idle_ms = pipeline.idle_until_ms(self._heard_ms())
            if wall_ms - clock.start_ms <= idle_ms:
                break
            next_ms = self._tick_behind(max(clock.wall_ms, clock.start_ms + math.floor(idle_ms)))
            if next_ms > wall_ms:
                break
            self._idle_ms = pipeline.idle_until_ms(self._heard_ms())
            if next_ms - clock.start_ms > self._idle_ms:
                clock.wall_ms = next_ms
                pipeline.sweep()
                self._idle_ms = -1.0
                self._wake(self._tracks, (next_ms, -1))
        clock.wall_ms = max(clock.wall_ms, wall_ms)

    def _heard_ms(self) -> dict[DeviceName, int]:
        """Until when devices that rest are known to answer."""
        start_ms = self.stage.clock.start_ms
        return {
            name: track.block.walls_ms[track.rests - 1] - start_ms
            for name, track in self._tracks.items()
            if track.block is not None and track.rests > track.next
        }

    def _tick_behind(self, ticked_ms: int) -> int:
        """The next tick behind a moment; rounds before it are over then."""
        next_ms = ticked_ms
        while True:
            self._pass_all_over((next_ms, -1))
            if (again_ms := next_tick_ms(self._since_ms, ticked_ms)) == next_ms:
                return next_ms
            next_ms = again_ms

    def _pass_all_over(self, key: Key) -> None:
        for track in self._tracks.values():
            self._pass_over(track, key)

    def _end(self) -> None:
        """All that is left rests."""
        last_ms = max([self._since_ms, *(t.block.walls_ms[-1] for t in self._tracks.values() if t.block is not None)])
        self._pass_time(last_ms)
        self._pass_all_over(NEVER_KEY)


def _beside(spec: DeviceSpec) -> frozenset[DeviceName]:
    """Other devices whose points a family reads for this one at its rounds."""
    watched = spec.domain.watched
    inputs = chain.from_iterable((*one.inputs, *chain.from_iterable(of for _, of in one.members)) for one in watched)
    return frozenset(one.device for one in inputs) - {spec.name}


def _read(site: Site, beside: Mapping[DeviceName, AbstractSet[DeviceName]]) -> dict[DeviceName, AbstractSet[DeviceName]]:
    """All other devices that are read when a round of this one is taken."""
    outside, common = site.maintenance.outside, _combined(site)
    around = set() if outside is None else {outside.device}
    return {
        spec.name: (
            beside[spec.name]
            | around
            | {ref.device for rule in spec.alarms for ref in refs_of(rule)}
            | (common if spec.name in common else set())
        )
        - {spec.name}
        for spec in site.devices
    }


def _combined(site: Site) -> set[DeviceName]:
    return {ref.device for rule in site.alarms for ref in refs_of(rule)}


def _restless(site: Site) -> frozenset[DeviceName]:
    """Devices of which each round is taken, because alarms of the whole site combine their points."""
    return frozenset(_combined(site))
