"""All rules of a site on a recording, by recorded time: the same steps as in the daemon, with a store that only notes.

Nothing is read from a device and nothing is sent. The same recording and the same site give the same answers.
"""

from collections.abc import Iterable
from pathlib import Path

from edgeguard.core.alarm_limits import REPLAY_DENSE_MS
from edgeguard.core.ids import DeviceName
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.history_replay import replay_blocks
from edgeguard.runtime.recordings import Heard, history_of, read_recording
from edgeguard.runtime.replay_stage import NOT_ASKED, ColumnsOf, Replayed, Stage, next_tick_ms
from edgeguard.store.trend_reader import open_history

__all__ = ["Replayed", "replay", "replay_recording"]


def replay_recording(site: Site, path: Path, from_ms: int, to_ms: int) -> Replayed:
    """Let the rules of `site` run on a recording (see `recordings.read_recording`); a history is passed over in whole stretches."""
    directory = history_of(path)
    if directory is not None and _is_dense(site):
        with open_history(directory) as history:
            if history.is_in_order(from_ms, to_ms):
                return replay_blocks(site, history.blocks(from_ms, to_ms))
    kinds = {spec.name: {point.name: point.kind for point in spec.profile.points} for spec in site.devices}
    return replay(site, read_recording(path, from_ms, to_ms, kinds))


def _is_dense(site: Site) -> bool:
    """Whether most devices are polled so often that most of their rounds can be passed over."""
    return 2 * sum(spec.period_ms <= REPLAY_DENSE_MS for spec in site.devices) >= len(site.devices)


def replay(site: Site, rounds: Iterable[Heard]) -> Replayed:
    """Let the rules of `site` run on these rounds, which come in the order of time; a second ticks between them as it does live."""
    player = _Player(Stage(site))
    for heard in rounds:
        player.play(heard)
    return player.stage.replayed()


class _Player:
    """Brings rounds and seconds to a stage in the order of their time."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._columns: dict[DeviceName, ColumnsOf] = {}
        self._begun = False

    def play(self, heard: Heard) -> None:
        """Time passes up to a round, and the round is taken."""
        stage = self.stage
        if not self._begun:
            self._begun = True
            stage.begin(heard.wall_ms)
        if heard.wall_ms != stage.clock.wall_ms:
            self._pass_time(heard.wall_ms)
        device = heard.device
        columns = self._columns.get(device)
        if columns is None or columns.heard is not heard.points:
            record = stage.pipeline.records.get(device)
            if record is None:
                stage.unknown.add(device)
                return
            columns = self._columns[device] = ColumnsOf.of(heard.points, record.rules.points)
        stage.rounds += 1
        outcomes = heard.outcomes if columns.pick is None else columns.pick((*heard.outcomes, NOT_ASKED))
        stage.pipeline.take(Snapshot(device, stage.clock.now(), columns.points, outcomes, heard.answered))

    def _pass_time(self, wall_ms: int) -> None:
        """Each second, as long as anything may be waiting for it; in a long gap each minute.

        Seconds at which nothing can be due are left out: most of a day is such.
        """
        clock, pipeline = self.stage.clock, self.stage.pipeline
        since_ms, start_ms = clock.wall_ms, clock.start_ms
        idle_ms = pipeline.idle_until_ms()
        while wall_ms - start_ms > idle_ms:
            next_ms = next_tick_ms(since_ms, clock.wall_ms)
            if next_ms > wall_ms:
                break
            clock.wall_ms = next_ms
            if next_ms - start_ms > idle_ms:
                pipeline.sweep()
                idle_ms = pipeline.idle_until_ms()
        clock.wall_ms = wall_ms
