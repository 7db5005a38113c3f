"""The real daemon killed again and again, online and offline, at its start, in the middle of commits and with messages in flight.

`make soak` kills a thousand times. A consumer that knows only the public faces must find every number of one epoch, in order.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from harness import Running, free_port, listens, mosquitto, process, site_text, wait_for
from soak_rig import LONG, Gate, Judge, chance, life, median, scaled, tell, wait_until
from test_others import PROFILE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(6 * 3600 if LONG else 300), pytest.mark.usefixtures("needs_mosquitto")]

KILLS = scaled(4, 1000)
WINDOW = 50
PATIENCE_S = scaled(60.0, 900.0)
"""A long run goes on beside other work, with the lowest priority."""
OFFLINE_SHARE = 0.25


def devices(count: int) -> str:
    row = '[[device]]\nname = "s{0}"\nbus = "plant"\nprofile = "libmodbus-slave"\naddress = {0}\nevery = "100ms"\n'
    return "\n".join(row.format(number) for number in range(1, count + 1))


def test_a_daemon_that_is_killed_loses_and_reorders_nothing(tmp_path: Path, libmodbus_slave: Path) -> None:
    luck = chance()
    slave_port, broker_port = free_port(), free_port()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "libmodbus-slave.toml").write_text(PROFILE, encoding="utf-8")
    recoveries_s: list[float] = []
    kept = f"persistence true\npersistence_location {tmp_path}/\nuser root"
    with (
        process([str(libmodbus_slave), str(slave_port)], tmp_path / "slave.log"),
        mosquitto(tmp_path, broker_port, kept),
        Gate(broker_port) as gate,
        Judge(broker_port) as judge,
    ):
        wait_for(lambda: listens(slave_port), "the slave")
        site = site_text(tmp_path, gate.port, {"plant": slave_port}, devices(20), "ack_timeout = '5s'")
        (tmp_path / "site.toml").write_text(site, encoding="utf-8")
        for kill in range(KILLS):
            if LONG and kill % 50 == 0:
                tell("kills-so-far", kills=kill, recovery_median_s=round(median(recoveries_s), 2), **_counts(judge))
            online = luck.random() >= OFFLINE_SHARE
            gate.set("open" if online else "shut")
            known = judge.arrivals
            with life(tmp_path) as child:
                if online and luck.random() < 0.75:
                    took_s = wait_until(lambda known=known: judge.arrivals > known, PATIENCE_S)  # type: ignore[misc]
                    assert took_s is not None, f"a daemon that was started said nothing for {PATIENCE_S} s"
                    recoveries_s.append(took_s)
                    time.sleep(luck.uniform(0.0, 1.5))
                else:
                    time.sleep(luck.uniform(0.1, 1.0 if luck.random() < 0.3 else 5.0))
                assert child.poll() is None, (tmp_path / "daemon.log").read_text()[-2000:]
        gate.set("open")
        _settle(tmp_path, judge)
        report = judge.report(final=True)
        assert judge.forgotten == 0
        counts = _counts(judge)
    tell(
        "kills",
        kills=KILLS,
        epochs=report.epochs,
        **counts,
        recovery_median_s=round(median(recoveries_s), 2),
        recovery_worst_s=round(max(recoveries_s, default=0.0), 2),
    )
    assert report.sound, report
    assert report.epochs == 1
    assert counts["repeats"] <= WINDOW * KILLS
    with closing(sqlite3.connect(f"file:{tmp_path}/state/outbox.db?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _counts(judge: Judge) -> dict[str, int]:
    streams = judge.report(final=True).streams
    return {
        "items": sum(stream.items for stream in streams),
        "lost": sum(stream.lost_items for stream in streams),
        "reorders": sum(stream.reorders for stream in streams),
        "conflicts": sum(stream.conflicts for stream in streams),
        "repeats": sum(stream.repeats for stream in streams),
    }


def _settle(folder: Path, judge: Judge) -> None:
    """Two more lives: one that ends in order, so that the file tells the last numbers, one that brings all of them out."""
    with life(folder) as child:
        running = Running(child, folder)
        wait_for(lambda: _answers(running), "the daemon", PATIENCE_S)
        running.stop()
    with closing(sqlite3.connect(f"file:{folder}/state/outbox.db?mode=ro", uri=True)) as database:
        last = dict(database.execute("SELECT stream, last FROM streams").fetchall())

    def whole() -> bool:
        seen = {stream.stream: stream for stream in judge.report(final=True).streams}
        return all(name in seen and not seen[name].lost_items and seen[name].last >= seq for name, seq in last.items() if seq)

    with life(folder):
        wait_for(whole, f"everything through {last}", 2 * PATIENCE_S)


def _answers(running: Running) -> bool:
    """Whether the daemon answers: the socket of a life that was killed is still there."""
    try:
        return "streams" in str(running.ask("outbox"))
    except (AssertionError, ValueError):
        return False
