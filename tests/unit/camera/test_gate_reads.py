"""The quick way from a gate camera to the gate: told at once, again while the daemon is away for a moment, and never late."""

import asyncio
import json
from pathlib import Path

import pytest

from edgeguard.camera.gate_reads import GateReads
from edgeguard.control import Call, ControlServer
from edgeguard.control.camera_views import ReadView
from edgeguard.control.views import CountView
from edgeguard.core.ids import CameraName

pytestmark = pytest.mark.slow


async def test_readings_arrive_in_order_and_once_though_the_daemon_comes_later(tmp_path: Path) -> None:
    heard: list[str] = []

    async def reads(call: Call) -> CountView:
        heard.append(json.loads(call.text("what"))["text"])
        return CountView(0)

    line = GateReads(tmp_path / "s", CameraName("gate"))
    line.start()
    view = ReadView("1", "sure", "", "皖A12345", 0.9, "ordinary", "towards", 1, "boot")
    line.tell(view)
    await asyncio.sleep(0.3)
    server = ControlServer(tmp_path / "s", {"camera-reads": reads})
    await server.open()
    serving = asyncio.create_task(server.serve())
    line.tell(ReadView("2", "end", "", "苏E99999", 0.9, "ordinary", "towards", 1, "boot"))
    async with asyncio.timeout(4):
        while len(heard) < 2:
            await asyncio.sleep(0.02)
    assert heard == ["皖A12345", "苏E99999"]
    await asyncio.to_thread(line.stop, 3.0)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await server.close()
