"""What devices taught, kept over a restart; and every way in which its file can be wrong."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_kit import device

from edgeguard.core.health import Health
from edgeguard.core.ids import PointName
from edgeguard.core.register import Table
from edgeguard.core.site import DeviceSpec
from edgeguard.driver import Device, build_device
from edgeguard.driver.learned import Hole, LearnedLimits, Learner
from edgeguard.runtime.limits_memory import LimitsMemory, entry_of, parsed
from edgeguard.testing.bus import FakeBus
from edgeguard.testing.clock import FakeClock, run_virtual

SPEC = device("pump-1", "riser-a")
TAUGHT = LearnedLimits(
    refused={PointName("mode"): "exception 2, illegal data address"},
    cuts=((Table.HOLDING, 1),),
    holes=(),
    largest=1,
    too_large=2,
)


def made(spec: DeviceSpec = SPEC) -> Device:
    return build_device(spec, FakeBus(), FakeClock())


def learner(of: Device) -> Learner:
    assert isinstance(of, Learner)
    return of


def keep(path: Path, *devices: Device) -> list[Health]:
    news: list[Health] = []
    asyncio.run(LimitsMemory(path, news.append).keep(devices))
    return news


def recalled(path: Path, spec: DeviceSpec = SPEC) -> tuple[Device, list[Health]]:
    news: list[Health] = []
    there = made(spec)
    LimitsMemory(path, news.append).recall(there)
    return there, news


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    first, path = made(), tmp_path / "learned.json"
    learner(first).recall(TAUGHT)
    assert keep(path, first) == []

    second, news = recalled(path)

    assert news == []
    assert learner(second).learned == TAUGHT
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("change", ["profile", "address", "bus"])
def test_another_device_of_the_same_name_begins_with_nothing(change: str, tmp_path: Path) -> None:
    first, path = made(), tmp_path / "learned.json"
    learner(first).recall(TAUGHT)
    keep(path, first)
    other: dict[str, DeviceSpec] = {
        "profile": replace(SPEC, profile=replace(SPEC.profile, sha256="other")),
        "address": replace(SPEC, address=9),
        "bus": device("pump-1", "riser-b"),
    }

    second, _ = recalled(path, other[change])

    assert learner(second).learned == LearnedLimits()


GOOD = json.dumps({"format": 1, "devices": {"pump-1": {"is": f"riser-a:1:{SPEC.profile.sha256}", **entry_of(TAUGHT)}}})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "{}",
     '{"format": 2, "devices": {}}', '{"format": 1, "devices": [1]}', '{"format": 1, "devices": {"pump-1": 7}}',
     GOOD.replace('"holding"', '"cellar"'), GOOD.replace('"cuts"', '"cats"'),
     GOOD.replace('"turnaround_ms": 0', '"turnaround_ms": NaN'), GOOD[:-20], "[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_forgotten_with_a_note_and_written_anew(text: str, tmp_path: Path) -> None:
    path = tmp_path / "learned.json"
    path.write_text(text, encoding="utf-8")

    second, news = recalled(path)

    assert learner(second).learned == LearnedLimits()
    assert [(health.source, health.code, health.ok) for health in news] == [("learned", "forgotten", False)]
    learner(second).recall(TAUGHT)
    keep(path, second)
    assert learner(recalled(path)[0]).learned == TAUGHT


def test_the_same_is_not_written_twice(tmp_path: Path) -> None:
    first, path = made(), tmp_path / "learned.json"
    learner(first).recall(TAUGHT)

    async def main() -> None:
        memory = LimitsMemory(path, lambda _: None)
        await memory.keep([first])
        path.unlink()
        await memory.keep([first])
        assert not path.exists()

    asyncio.run(main())


def test_a_disk_that_takes_nothing_is_no_trouble(tmp_path: Path) -> None:
    first = made()
    learner(first).recall(TAUGHT)

    assert keep(tmp_path / "gone" / "learned.json", first) == []


TABLES = st.sampled_from(Table)
LIMITS = st.builds(
    LearnedLimits,
    st.dictionaries(st.text(max_size=9).map(PointName), st.text(max_size=9), max_size=3),
    st.lists(st.tuples(TABLES, st.integers(0, 65535)), max_size=3).map(tuple),
    st.lists(st.builds(Hole, TABLES, st.integers(0, 65535), st.integers(0, 65535)), max_size=3).map(tuple),
    st.integers(0, 125),
    st.integers(0, 125),
    st.integers(0, 9999).map(float),
    st.sampled_from((0.0, 10.0, 50.0)),
)


@settings(max_examples=40, deadline=None)
@given(LIMITS)
def test_what_is_written_is_read_back(learned: LearnedLimits) -> None:
    entry: Any = json.loads(json.dumps(entry_of(learned)))

    assert parsed(entry) == learned


def polled(there: Device, wire: FakeBus, rounds: int, silent: bool) -> Device:
    """After so many rounds, of which `silent` ones nobody answers."""
    wire.unit(1).silent = silent

    async def story() -> None:
        for _ in range(rounds):
            await there.poll()

    run_virtual(story(), FakeClock())
    return there


def test_who_answered_in_the_last_run_is_known_until_a_run_in_which_it_never_did(tmp_path: Path) -> None:
    path = tmp_path / "learned.json"

    def run(rounds: int, silent: bool) -> bool:
        """A run of the daemon: whether the device was known at its beginning."""
        wire = FakeBus()
        there = build_device(SPEC, wire, FakeClock())
        news: list[Health] = []
        known = LimitsMemory(path, news.append).recall(there)
        keep(path, polled(there, wire, rounds, silent))
        return known

    assert not run(3, silent=False)
    assert run(2, silent=True)  # two rounds say nothing yet
    assert run(3, silent=True)
    assert not run(3, silent=True)
    assert not run(3, silent=False)
    assert run(3, silent=False)
