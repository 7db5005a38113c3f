"""A history replayed in stretches says what it says round by round, whatever is in it, and takes few of its rounds one by one."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from domain_house import example as shipped_example
from every_step_house import LOCAL_MIDNIGHT_MS, Event, Life, Round, house

from edgeguard.core.health import Health
from edgeguard.core.ids import DeviceName
from edgeguard.core.site import HistorySpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.recordings import read_recording
from edgeguard.runtime.replay_stage import Stage
from edgeguard.runtime.rule_replay import Replayed, replay, replay_recording
from edgeguard.store import TrendStore
from edgeguard.testing.clock import FakeClock

ALWAYS = (0, 1 << 52)


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """What the rules log costs more than they do."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def example() -> Site:
    return shipped_example()


@pytest.fixture(scope="module")
def with_every_alarm(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return house(tmp_path_factory.mktemp("site"))


def deaf(_: Health) -> None:
    """Hears nothing."""


async def written(site: Site, script: Sequence[Event], folder: Path, *, at_once: bool = False) -> None:
    """The history of these rounds, as the daemon writes it. `at_once`: all devices at the same millisecond."""
    clock = FakeClock(LOCAL_MIDNIGHT_MS - 80_000)
    store = TrendStore(folder, HistorySpec(), clock, deaf)
    points = {spec.name: spec.profile.points for spec in site.devices}
    flushed_ms = clock.wall_ms
    for event in script:
        if not isinstance(event, Round):
            continue
        clock.advance(event.after_s if event.after_s > 0.01 or not at_once else 0.0)
        store.take(Snapshot(event.device, clock.now(), points[event.device], event.outcomes, event.answered))
        await store._pack()
        if clock.wall_ms - flushed_ms > 60_000:
            flushed_ms = clock.wall_ms
            await store.flush()
    await store.close()


def memory(stage: Stage) -> dict[str, object]:
    """What is known at the end: of each device, of its alarms, and what the families remember."""
    known: dict[str, object] = {state.name: state.body for watch in stage.watches for state in watch.states()}
    for name, record in stage.pipeline.records.items():
        known[name] = (record.outcomes, record.at, record.answered_at, record.stale, record.good, record.good_at)
    return known | {rule.name: alarm for rule, alarm in stage.pipeline.desk.all()}


def both(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Replayed, float]:
    """What is said, which must be the same in both ways; and the share of rounds that were taken one by one."""
    taken: list[DeviceName] = []
    take = Pipeline.take

    def counting(self: Pipeline, snapshot: Snapshot) -> None:
        taken.append(snapshot.device)
        take(self, snapshot)

    with monkeypatch.context() as patch:
        stages: list[Stage] = []
        begin = Stage.begin

        def noting(self: Stage, wall_ms: int) -> None:
            stages.append(self)
            begin(self, wall_ms)

        patch.setattr(Stage, "begin", noting)
        slow = replay(site, read_recording(folder, *ALWAYS))
        patch.setattr(Pipeline, "take", counting)
        fast = replay_recording(site, folder, *ALWAYS)
    assert fast == slow
    one, two = map(memory, stages)
    assert one == two
    return fast, len(taken) / fast.rounds


def test_a_quiet_history_is_passed_over_and_says_the_same(example: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(written(example, list(Life(example, 8, quiet=True).script(76, trouble=False)), tmp_path))
    played, share = both(example, tmp_path, monkeypatch)
    assert len(played.told) > 5
    assert share < 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "at_once"), [(2, False), (4, True), (3, True)])
def test_a_history_of_anything_says_the_same(
    example: Site, with_every_alarm: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, at_once: bool
) -> None:
    """Even seeds: mostly quiet. Both houses, the second with devices that the site does not know, and some that are not there."""
    for number, site in enumerate((example, with_every_alarm)):
        folder = tmp_path / str(number)
        folder.mkdir()
        script = list(Life(site, seed, quiet=seed % 2 == 0).script(70, trouble=False))
        asyncio.run(written(site, script, folder, at_once=at_once))
        played, _ = both(site, folder, monkeypatch)
        assert len(played.told) > 10
        few = replace(site, devices=site.devices[::2], alarms=())
        missing, _ = both(few, folder, monkeypatch)
        assert len(missing.unknown) == len(site.devices) // 2


def test_a_history_whose_clock_was_set_back_is_replayed_round_by_round(
    example: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    script = list(Life(example, 8, quiet=True).script(20, trouble=False))
    asyncio.run(written(example, script, tmp_path))
    asyncio.run(written(example, script[chance.randrange(5) :], tmp_path))
    _, share = both(example, tmp_path, monkeypatch)
    assert share == 1.0
