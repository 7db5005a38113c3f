"""Steps that are left out, live and in a replay: nobody can tell it by what is said, when it is said, or what is remembered."""

import json
from dataclasses import replace
from typing import Any

import pytest
from every_step_house import LOCAL_MIDNIGHT_MS, UTC_MIDNIGHT_MS, Gateway, Life, Round, Turned, house

from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.engine import DeviceRules, DeviceState, pass_time
from edgeguard.rules.plan import Plan
from edgeguard.rules.sights import NEVER_MS
from edgeguard.runtime import alarm_desk, domain_watch, energy_watch, families, hints_watch
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.recordings import Heard
from edgeguard.runtime.rule_replay import replay
from edgeguard.runtime.watches import Findings


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return house(tmp_path_factory.mktemp("site"))


class Restless(hints_watch.HintsWatch):
    """Looks at every round."""

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """The same, with nothing left out."""
        if snapshot.device in self._memory:
            self._memory[snapshot.device].until_ms = NEVER_MS
        return super().take(record, snapshot)


def always(rules: DeviceRules, state: DeviceState, now: Stamp) -> tuple[DeviceState, Any]:
    """Time passes for every alarm, whether one waits for it or not."""
    return pass_time(rules, replace(state, timed=True, waiting=True), now)


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is left out anywhere."""
    monkeypatch.setattr(Plan, "is_quiet", lambda *_: False)
    monkeypatch.setattr(domain_watch.DomainWatch, "_rests", lambda *_: False)
    monkeypatch.setattr(energy_watch._Running, "rests", lambda *_: False)
    monkeypatch.setattr(families, "HintsWatch", Restless)
    monkeypatch.setattr(alarm_desk, "pass_time", always)
    return monkeypatch


def test_who_leaves_steps_out_is_not_told_from_who_takes_every_one(site: Site, every_step: pytest.MonkeyPatch) -> None:
    compare(site, every_step, seed=8, rounds=90, begun_ms=UTC_MIDNIGHT_MS - 60_000)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "begun_ms"), [(3, LOCAL_MIDNIGHT_MS), (6, LOCAL_MIDNIGHT_MS), (14, UTC_MIDNIGHT_MS)])
def test_nor_after_hours_of_trouble(site: Site, every_step: pytest.MonkeyPatch, seed: int, begun_ms: int) -> None:
    compare(site, every_step, seed, rounds=200, begun_ms=begun_ms - 80_000)


def compare(site: Site, every_step: pytest.MonkeyPatch, seed: int, rounds: int, begun_ms: int) -> None:
    """All items with their times, all that was kept and when, all changes in their order, and the memory at the end."""
    quiet = seed % 2 == 0
    script = list(Life(site, seed, quiet=quiet).script(rounds, trouble=True))
    script.insert(len(script) * 9 // 10, Turned("leap", -75.0))
    whole = Gateway(site, begun_ms=begun_ms).live(script)
    every_step.undo()
    live, skipping = (Gateway(site, skips=skips, begun_ms=begun_ms).live(script) for skips in (False, True))
    for other in (live, skipping):
        assert other.sink.told == whole.sink.told
        assert other.sink.kept == whole.sink.kept
        assert other.changes == whole.changes
        assert other.memory() == whole.memory()
    assert len(whole.changes) > rounds / 20
    assert skipping.swept < live.swept if quiet else skipping.swept <= live.swept


@pytest.mark.slow
def test_a_replay_says_what_was_said_live_at_every_step(site: Site, every_step: pytest.MonkeyPatch) -> None:
    script = [one for one in Life(site, 4, quiet=True).script(60, trouble=False) if isinstance(one, Round)]
    whole = Gateway(site).live(script)
    every_step.undo()
    names = {spec.name: tuple(point.name for point in spec.profile.points) for spec in site.devices}
    at_ms, rounds = float(Gateway(site).begun_ms), []
    for one in script:
        at_ms += round(one.after_s * 1000)
        rounds.append(Heard(one.device, int(at_ms), names[one.device], one.outcomes, one.answered))
    played = replay(site, rounds)
    live = [{"at": iso_utc(wall_ms), **json.loads(body)} for _, wall_ms, _, body in whole.sink.events()]
    assert list(played.told) == live
    assert len(live) > 10
