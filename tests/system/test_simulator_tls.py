"""`simulate --tls-dir` and the gateway's tls:// bus, end to end: certificates made on the spot, shown and demanded."""

import asyncio
import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from harness import process, wait_for

from edgeguard.bus import open_bus
from edgeguard.config import load_site
from edgeguard.core.clock import Clock
from edgeguard.core.site import DeviceSpec, TlsSpec
from edgeguard.driver import build_device
from edgeguard.runtime.clock import SystemClock

pytestmark = pytest.mark.slow

SITE = """
[gateway]
site = "test"
id = "g1"

[[bus]]
name = "plant"
url = "tls://127.0.0.1:802"
ca = "papers/ca.pem"
certificate = "papers/client.pem"
key = "papers/client.key"

[[device]]
name = "ups"
bus = "plant"
profile = "apc-nmc2-ups"
address = 1
every = "2s"
"""


async def poll(device_spec: DeviceSpec, port: int, tls: TlsSpec, clock: Clock, folder: Path) -> tuple[bool, str]:
    """Whether one round over a bus with these certificates is answered, and what the bus complains of."""
    (spec,) = load_site(folder / "site.toml").buses
    bus = open_bus(replace(spec, port=port, tls=tls, connect_timeout_ms=10_000), random.Random(1))
    task = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(30.0):
            while bus.stats.connected_s is None and not bus.stats.error:
                await asyncio.sleep(0.02)
            device = build_device(device_spec, bus, clock)
            for _ in range(5):
                if (await device.poll()).answered:
                    return True, ""
                if bus.stats.error:
                    break
                await asyncio.sleep(0.2)
            return False, bus.stats.error
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_simulated_device_inside_of_tls_is_read_by_whom_it_believes(tmp_path: Path) -> None:
    config, papers, log = tmp_path / "site.toml", tmp_path / "papers", tmp_path / "simulate.log"
    config.write_text(SITE, encoding="utf-8")
    command = [sys.executable, "-m", "edgeguard", "simulate", str(config), "--any-port", "--tls-dir", str(papers), "--json"]
    with process(command, log):
        wait_for(lambda: b"}\n" in log.read_bytes(), "the simulator", 60)
        (place,) = json.loads(log.read_text(encoding="utf-8").splitlines()[0])["buses"]
        assert place["where"].startswith("tls://127.0.0.1:")
        port = int(place["where"].rsplit(":", 1)[1])
        site, clock = load_site(config), SystemClock()
        (spec,), (bus,) = site.devices, site.buses
        assert bus.tls is not None
        assert asyncio.run(poll(spec, port, bus.tls, clock, tmp_path)) == (True, "")
        answered, _ = asyncio.run(poll(spec, port, TlsSpec(bus.tls.ca), clock, tmp_path))
        assert not answered, "it demands a certificate of the client"
        answered, why = asyncio.run(poll(spec, port, TlsSpec(), clock, tmp_path))
        assert not answered
        assert "is not accepted" in why
