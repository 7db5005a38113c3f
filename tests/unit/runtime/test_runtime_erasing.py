"""Erasing goes on when nobody waits for it any more, and what a disk refused is tried again by the daemon itself."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from test_handlers import call, serving

from edgeguard.core.errors import StoreError
from edgeguard.core.item import Item, Stream
from edgeguard.core.limits import CONTROL_BUS_CALL_S
from edgeguard.core.outbox_limits import ERASE_ANSWER_S
from edgeguard.runtime import erasing
from edgeguard.runtime.gateway import Gateway
from edgeguard.store import Batch, pending_job, read_audit
from edgeguard.store import erasing as everywhere

PLATE = "皖AD11212"


async def see(gateway: Gateway) -> None:
    body = orjson.dumps({"type": "plate", "text": PLATE, "camera": "gate-in"})
    await gateway.store.put(Batch((Item(Stream.EVENTS, gateway.clock.now(), body),)))


def told(folder: Path) -> list[str]:
    return [orjson.loads(row.body)["result"] for row in read_audit(folder, 10)]


async def test_it_goes_on_when_the_answer_would_come_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ERASE_ANSWER_S < CONTROL_BUS_CALL_S
    monkeypatch.setattr(erasing, "ERASE_ANSWER_S", 0.0)
    async with serving(tmp_path) as (handlers, gateway):
        await see(gateway)
        with pytest.raises(StoreError, match="goes on"):
            await handlers.table()["erase"](call("erase", text=PLATE, by="amy"))
        await asyncio.gather(*handlers.erasing._begun)
        assert (pending_job(tmp_path), told(tmp_path)) == (None, ["accepted", "done"])
        assert PLATE.encode() not in (tmp_path / "outbox.db").read_bytes()


async def test_what_was_refused_is_tried_again_until_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [StoreError("disk full"), StoreError("disk full")]
    really = everywhere.erase_everywhere

    async def refuse(*args: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await really(*args)

    monkeypatch.setattr(everywhere, "erase_everywhere", refuse)
    monkeypatch.setattr(erasing, "ERASE_RETRY_S", 0.0)
    async with serving(tmp_path) as (handlers, gateway):
        await see(gateway)
        with pytest.raises(StoreError, match="disk full"):
            await handlers.table()["erase"](call("erase", text=PLATE, by="amy"))
        assert pending_job(tmp_path) is not None
        with pytest.raises(StoreError, match="disk full"):
            await handlers.erasing.run()
        run = asyncio.create_task(handlers.erasing.run())
        while (tmp_path / "erasing").exists():
            await asyncio.sleep(0.001)
        run.cancel()
        assert told(tmp_path) == ["accepted", "done"]
