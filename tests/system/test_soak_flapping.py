"""The real daemon behind a network that comes, goes, resets and falls half open, for ten minutes in the long form.

The judge sits at the broker itself, which stands all the time: what the daemon brings through must be whole, nearly without
repeats, and cost no memory.
"""

import time
from pathlib import Path

import pytest
from harness import Running, free_port, listens, mosquitto, process, site_text, wait_for
from soak_rig import LONG, Gate, Judge, chance, life, rss_mib, scaled, tell
from test_others import PROFILE
from test_soak_kills import devices

from edgeguard.core.limits import BATCH_MAX_ITEMS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if LONG else 300), pytest.mark.usefixtures("needs_mosquitto")]

SECONDS = scaled(6.0, 600.0)
WARM_SHARE = 0.2
"""The part of the run after which memory is taken for comparison: pools and caches have filled by then."""


def test_a_flapping_and_half_open_network_costs_neither_items_nor_memory(tmp_path: Path, libmodbus_slave: Path) -> None:
    luck = chance()
    slave_port, broker_port = free_port(), free_port()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "libmodbus-slave.toml").write_text(PROFILE, encoding="utf-8")
    warm_mib = worst_mib = 0.0
    flaps = 0
    with (
        process([str(libmodbus_slave), str(slave_port)], tmp_path / "slave.log"),
        mosquitto(tmp_path, broker_port),
        Gate(broker_port) as gate,
        Judge(broker_port) as judge,
    ):
        wait_for(lambda: listens(slave_port), "the slave")
        site = site_text(tmp_path, gate.port, {"plant": slave_port}, devices(30), "ack_timeout = '2s'")
        (tmp_path / "site.toml").write_text(site, encoding="utf-8")
        with life(tmp_path) as child:
            wait_for(lambda: judge.arrivals > 0, "the first message", 60)
            begun = time.monotonic()
            while (gone_s := time.monotonic() - begun) < SECONDS:
                gate.set("open")
                time.sleep(luck.uniform(0.3, 4.0))
                gate.set(luck.choice(("shut", "shut", "mute")))
                flaps += 1
                time.sleep(luck.uniform(0.1, 3.0))
                mib = rss_mib(child.pid)
                if gone_s < SECONDS * WARM_SHARE:
                    warm_mib = max(warm_mib, mib)
                worst_mib = max(worst_mib, mib)
                assert child.poll() is None
            gate.set("open")
            running = Running(child, tmp_path)
            wait_for(lambda: _waiting(running) < 50 and not _lost(judge), "the backlog", 120)
            assert running.stop() == 0
        report = judge.report(final=True)
    items = sum(stream.items for stream in report.streams)
    repeats = sum(stream.repeats for stream in report.streams)
    growth = worst_mib / warm_mib - 1.0
    tell(
        "flapping",
        seconds=SECONDS,
        flaps=flaps,
        connections=gate.connections,
        items=items,
        lost=sum(stream.lost_items for stream in report.streams),
        reorders=sum(stream.reorders for stream in report.streams),
        repeats=repeats,
        repeats_share=round(repeats / items, 4),
        rss_warm_mib=round(warm_mib, 1),
        rss_worst_mib=round(worst_mib, 1),
        rss_growth=round(growth, 3),
    )
    assert report.sound, report
    assert repeats <= 0.05 * items + BATCH_MAX_ITEMS
    assert not LONG or growth <= 0.10


def _waiting(running: Running) -> int:
    view = running.ask("outbox")
    assert isinstance(view, dict)
    return sum(stream["rows"] for stream in view["streams"])


def _lost(judge: Judge) -> int:
    return sum(stream.lost_items for stream in judge.report(final=True).streams)
