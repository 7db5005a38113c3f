"""The real daemon while its disk hangs: no fsync returns. What a building needs goes on, and nothing is missing afterwards."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bad_disk import Action, Op, Plan, preloaded
from harness import Running, daemon, free_port, mosquitto, site_text, wait_for
from soak_rig import Judge, scaled
from test_reactions import plant, record, written

from edgeguard.control import methods
from edgeguard.control.client import call

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.usefixtures("needs_mosquitto")]
HANGS_S = scaled(0.0, 40.0)
"""At least: all that is asked for takes longer."""
SITE = """
[[device]]
name = "pump-1"
bus = "plant"
address = 1
profile = "grundfos-cim200"
every = "1s"
timeout = "10s"

[[device]]
name = "panel"
bus = "plant"
address = 9
profile = "kmtronic-relay8"
every = "1s"
timeout = "10s"
[device.interlock.relay_2]
requires = ["pump-1.remote_access"]
[device.interlock.relay_3]
requires = ["pump-1.remote_access"]

[[reaction]]
name = "dry-siren"
alarm = "pump-1.dry-run"
target = "panel.relay_2"
value = true
reset = false
mode = "on"
min_on = "2s"

[[gate]]
name = "north"
open = "panel.relay_3"
pulse = "200ms"
"""


def ended(running: Running, *words: str) -> tuple[int, Any]:
    """What a command says, and its exit code."""
    command = [sys.executable, "-m", "edgeguard", "--socket", f"{running.folder}/control.sock", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_polling_alarms_reactions_barrier_and_socket_go_on_while_no_sync_returns(tmp_path: Path, shim: Path) -> None:
    bus, broker = free_port(), free_port()
    text = site_text(tmp_path, broker, {"plant": bus}, SITE)
    plan = Plan(tmp_path / "plan")
    with (
        mosquitto(tmp_path, broker),
        Judge(broker) as judge,
        plant(tmp_path, text, bus) as say,
        daemon(tmp_path, text, preloaded(shim, tmp_path / "state", tmp_path / "plan")) as running,
    ):
        socket = tmp_path / "control.sock"
        wait_for(
            lambda: call(socket, methods.STATUS).devices_online == 2 and judge.arrivals > 0,
            "the plant room, and its telemetry at the broker",
        )
        plan.set(Op.FSYNC, Action.HANG, 1, -1)
        say("pump-1 dry-run")
        wait_for(lambda: plan.hits > 0, "a sync that does not return")
        hung_s = time.monotonic()
        arrived = judge.last()

        wait_for(lambda: any(one.alarm == "pump-1.dry-run" for one in call(socket, methods.ALARMS)), "the alarm")
        wait_for(lambda: written(running) == [True], "the siren")
        code, view = ended(running, "gate", "open", "north", "--yes")
        assert (code, view["verified"]) == (0, True), view
        code, words = ended(running, "write", "panel.relay_3=true", "--yes")
        assert (code, "the disk takes nothing" in str(words)) == (1, True), words
        code, points = ended(running, "read", "pump-1.remote_access")
        assert (code, points[0]["quality"]) == (0, "good")
        wait_for(lambda: "has not answered" in call(socket, methods.STATUS).store_error, "what is wrong with the disk")
        say("pump-1 well")
        wait_for(lambda: written(running)[-1:] == [False] and len(written(running)) == 4, "the end of the siren")

        def polls() -> list[int]:
            return [device.polls for device in call(socket, methods.DEVICES)]

        heard = polls()
        wait_for(lambda: all(now > then for now, then in zip(polls(), heard, strict=True)), "polls of both devices")
        assert call(socket, methods.OUTBOX).error
        wait_for(lambda: time.monotonic() - hung_s > HANGS_S, "the end of the hanging", HANGS_S + 30)
        assert judge.last() == arrived, "nothing is told that is not durable"
        plan.clear()

        wait_for(lambda: judge.last().get("alarms", 0) > arrived.get("alarms", 0), "the alarm at the broker")
        wait_for(lambda: call(socket, methods.STATUS).store_error == "", "the disk's recovery")
        assert running.stop() == 0
        report = judge.report(final=True)
    assert report.sound, report
    assert "Traceback" not in running.log()
    told = record(tmp_path)
    assert [one for one in told if one.startswith("reaction")] == [
        f"reaction {what}" for what in ("started", "on", "ending", "ended")
    ]
    assert told.count("write done") == 4


def test_a_stop_while_no_sync_returns_ends_as_it_is(tmp_path: Path, shim: Path) -> None:
    """Threads that wait for the disk would hold the process for ever, and nothing would say why systemd has to kill it."""
    bus, broker = free_port(), free_port()
    text = site_text(tmp_path, broker, {"plant": bus}, SITE)
    plan = Plan(tmp_path / "plan")
    with (
        plant(tmp_path, text, bus),
        daemon(tmp_path, text, preloaded(shim, tmp_path / "state", tmp_path / "plan")) as running,
    ):
        wait_for(lambda: call(tmp_path / "control.sock", methods.STATUS).devices_online == 2, "the plant room")
        plan.set(Op.FSYNC, Action.HANG, 1, -1)
        wait_for(lambda: plan.hits > 0, "a sync that does not return")
        assert running.stop(60) == 1
    assert "daemon.stop-overdue" in running.log()


def test_a_start_while_no_sync_returns_says_so_and_goes_on_without_the_outbox(tmp_path: Path, shim: Path) -> None:
    """In 20 s, of the minute that systemd gives it; what comes until the disk answers waits in memory."""
    bus, broker = free_port(), free_port()
    text = site_text(tmp_path, broker, {"plant": bus}, SITE)
    plan = Plan(tmp_path / "plan")
    plan.set(Op.FSYNC, Action.HANG, 1, -1)
    with (
        mosquitto(tmp_path, broker),
        Judge(broker) as judge,
        plant(tmp_path, text, bus) as say,
        daemon(tmp_path, text, preloaded(shim, tmp_path / "state", tmp_path / "plan"), within_s=180) as running,
    ):
        socket = tmp_path / "control.sock"
        assert f"the outbox in {tmp_path}/state" in running.log()
        wait_for(lambda: call(socket, methods.STATUS).devices_online == 2, "the plant room")
        assert "has not answered for 20 s" in call(socket, methods.STATUS).store_error
        code, view = ended(running, "gate", "open", "north", "--yes")
        assert (code, view["verified"]) == (0, True), view
        say("pump-1 dry-run")
        wait_for(lambda: written(running)[-1:] == [True], "the siren")
        plan.clear()
        wait_for(lambda: judge.last().get("alarms", 0) > 0, "the alarm at the broker")
        wait_for(lambda: call(socket, methods.STATUS).store_error == "", "the disk's recovery")
        assert running.stop() == 0
        report = judge.report(final=True)
    assert report.sound, report
    assert "Traceback" not in running.log()
