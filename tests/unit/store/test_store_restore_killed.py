"""A restore that is killed at any step: the next start finds the old outbox whole, or the new one that tells what went with it."""

import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from store_kit import batch, running, spec_of

from edgeguard.core.ids import Epoch
from edgeguard.core.item import Stream
from edgeguard.store import Restoring, backup, restore
from edgeguard.store.damage import DATABASE, HALF, READY
from edgeguard.testing.clock import FakeClock

E, A = Stream.EVENTS, Stream.ALARMS
NEW = Epoch("00000000000000ff")
STEPS = ("rename", "fsync")


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Run it in a process of its own that dies before the `number`-th step that changes the disk's names; whether it did."""
    child = os.fork()
    if child == 0:
        left = [number]

        def step(name: str) -> Callable[..., Any]:
            really = getattr(os, name)

            def counted(*args: Any, **more: Any) -> Any:
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                return really(*args, **more)

            return counted

        for name in STEPS:
            setattr(os, name, step(name))
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL
    return status != 0


@pytest.mark.slow
async def test_a_restore_that_is_killed_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    clock, made = FakeClock(), tmp_path / "made"
    async with running(spec_of(made / "state"), clock) as store:
        await store.put(batch(clock, A, 1, 2))
        backup(made / "state", made / "copy")
        await store.put(batch(clock, A, 3, 4, 5))
        first = store.epoch
    found: list[str] = []
    for number in range(200):
        place = tmp_path / str(number)
        shutil.copytree(made, place)
        state = place / "state"
        way = Restoring(NEW, clock.now(), "amy", over=True)
        cut_off = killed_at(number, partial(restore, place / "copy", state, way))
        async with running(spec_of(state), clock) as store:
            alarms = len(await store.read(A, 0, 100, 1 << 20))
            gaps = [orjson.loads(row.body) for row in await store.read(E, 0, 100, 1 << 20) if b'"gap"' in row.body]
            told = [(gap["reason"], gap.get("epoch"), gap["from"], gap["to"]) for gap in gaps]
            if store.epoch == first:
                assert (alarms, told) == (5, [])
            else:
                assert (store.epoch, alarms) == (NEW, 2)
                assert told == [("restored", first, 1, 2), ("replaced", first, 3, 5)]
            found.append(store.epoch)
        assert not [path.name for path in state.iterdir() if path.name.startswith((*HALF, READY))]
        assert (state / DATABASE).exists()
        shutil.rmtree(place)
        if not cut_off:
            break
    else:
        raise AssertionError("there is no end to it")
    assert found == sorted(found, key=lambda epoch: epoch == NEW), "once it is new it stays so"
    assert {*found} == {first, NEW}
