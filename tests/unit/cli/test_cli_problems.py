"""Every trouble a gateway can have is named once, with a next step, in order of urgency."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edgeguard.cli.problems import Problem, diagnose, moment_of, seconds_since
from edgeguard.control.line_views import BusView
from edgeguard.control.views import LabelsView, StatusView, TaskView, TopView
from edgeguard.testing.handlers import FakeBuilding


def healthy() -> TopView:
    building = FakeBuilding()
    building.healthy = True
    return building.top()


def found(top: TopView, later_s: float = 0.0) -> list[Problem]:
    now = moment_of(top.status) + timedelta(seconds=later_s)
    return list(diagnose(top.status, top.devices, top.alarms, top.outbox, now))


def changed(top: TopView, **status: object) -> TopView:
    return replace(top, status=replace(top.status, **status))  # type: ignore[arg-type]


def test_a_healthy_gateway_has_none() -> None:
    assert found(healthy()) == []


def test_the_fake_building_has_its_three() -> None:
    problems = found(FakeBuilding().top())

    assert [(problem.code, problem.wrong) for problem in problems] == [
        ("alarm.pump-1.dry-run", True),
        ("device.fan-2", True),
        ("refused.lift-2", False),
    ]
    assert "edgeguard trace riser-b" in problems[1].hint.en


def test_a_bus_in_trouble_has_one_row_and_its_devices_none_for_the_same_reason() -> None:
    top, (good, bad) = healthy(), FakeBuilding().lines.buses()
    (pump,) = (device for device in top.devices if device.name == "pump-1")
    cut_off = replace(pump, bus="riser-b", state="offline", trouble="no-connection")
    noisy = replace(good, troubles=(LabelsView("第二个主站", "a second master"), LabelsView("干扰", "noise")))

    def told(*buses: BusView) -> list[tuple[str, bool, str]]:
        now = moment_of(top.status)
        found = diagnose(top.status, (cut_off,), top.alarms, top.outbox, now, buses)
        return [(problem.code, problem.wrong, problem.text.en) for problem in found]

    assert told(bad) == [("bus.riser-b", True, "bus riser-b (1 device) has no connection: no such device; next attempt in 1.0 s")]
    assert told(noisy)[0] == ("bus.riser-a", True, "bus riser-a: a second master; noise")
    assert [code for code, *_ in told(good)] == ["device.pump-1"]


@pytest.mark.parametrize(
    ("trouble", "text", "hint"),
    [
        ("", "pump-1 does not answer", "check power, address"),
        ("timeout", "pump-1 does not answer (timeout)", "check power, address"),
        ("no-connection", "pump-1 does not answer (no-connection)", "edgeguard bus riser-a"),
        ("checksum", "pump-1 gives no valid answer (checksum)", "edgeguard trace riser-a"),
    ],
)
def test_a_silent_device_is_explained_by_what_is_wrong_now_not_by_what_was(trouble: str, text: str, hint: str) -> None:
    top = healthy()
    (pump,) = (device for device in top.devices if device.name == "pump-1")
    gone = replace(pump, state="offline", trouble=trouble, errors={"exception": 900, "timeout": 1})

    (problem,) = found(replace(top, devices=(gone,)))

    assert problem.text.en == text
    assert hint in problem.hint.en


@pytest.mark.parametrize(
    ("status", "code", "wrong"),
    [
        ({"store_error": "disk full"}, "store", True),
        ({"config_error": "site.toml:3: every: is missing"}, "config", True),
        ({"clock_synced": False}, "clock", False),
        ({"tasks": (TaskView("uplink", "failed", 0, "bad password"),)}, "task.uplink", True),
        ({"tasks": (TaskView("device.x", "waiting", 3, "bug"),)}, "task.device.x", True),
        ({"tasks": (TaskView("device.x", "running", 3, "an old error"),)}, None, None),
        ({"uplink": None}, None, None),
    ],
)
def test_what_the_status_shows(status: dict[str, object], code: str | None, wrong: bool | None) -> None:
    problems = found(changed(healthy(), **status))

    assert [(problem.code, problem.wrong) for problem in problems] == ([] if code is None else [(code, wrong)])
    assert all(problem.hint.zh and problem.hint.en for problem in problems)


@pytest.mark.parametrize(("state", "away_s", "wrong"), [("waiting", 30, False), ("waiting", 61, True), ("failed", 1, True)])
def test_the_broker_may_be_away_for_a_minute(state: str, away_s: float, wrong: bool) -> None:
    top = healthy()
    assert top.status.uplink is not None
    since = moment_of(top.status).isoformat()
    top = changed(top, uplink=replace(top.status.uplink, state=state, since=since, error="no answer"))

    (problem,) = found(top, later_s=away_s)

    assert (problem.code, problem.wrong) == ("uplink", wrong)
    assert "no answer" in problem.text.en


def test_many_silent_devices_have_one_cause() -> None:
    top = FakeBuilding(extra_devices=20).top()
    top = replace(top, alarms=(), devices=tuple(replace(device, state="offline", refused={}) for device in top.devices))

    codes = [problem.code for problem in found(top)]

    assert len(codes) == 6
    assert codes[-1] == "devices"


@pytest.mark.parametrize(("trouble", "step"), [("lost", "edgeguard cameras"), ("moved", "edgeguard camera gate-in --setup")])
def test_a_blind_camera_is_named_with_what_to_do(trouble: str, step: str) -> None:
    top = FakeBuilding().top()
    alarm = replace(top.alarms[0], alarm=f"gate-in.{trouble}", device="", severity="major", state="active")
    (problem,) = found(replace(healthy(), alarms=(alarm,)))

    assert (problem.code, problem.wrong) == ("camera.gate-in", True)
    assert step in problem.hint.en


def test_values_that_cannot_be_speak_of_profile_and_word_order() -> None:
    top = FakeBuilding().top()
    odd = replace(top.devices[0], implausible=("voltage", "frequency"))
    (problem,) = found(replace(top, alarms=(), devices=(odd,)))

    assert (problem.code, problem.wrong) == (f"implausible.{odd.name}", False)
    assert problem.text.en == f"2 values of {odd.name} cannot be: frequency, voltage"
    assert "word order" in problem.hint.en
    assert f"edgeguard trace {odd.bus} --device {odd.name} --raw" in problem.hint.en


def test_what_was_lost_or_rejected_is_told() -> None:
    top = healthy()
    streams = tuple(replace(stream, dead=2) for stream in top.outbox.streams)

    (problem,) = found(replace(top, outbox=replace(top.outbox, dropped=7, streams=streams)))

    assert "7 items dropped" in problem.text.en
    assert "6 rejected" in problem.text.en


def test_data_in_danger_comes_first() -> None:
    top = changed(FakeBuilding().top(), store_error="disk full", tasks=(TaskView("uplink", "failed", 0, "x"),))

    assert [problem.code for problem in found(top)][:3] == ["store", "task.uplink", "alarm.pump-1.dry-run"]


def test_times_that_are_none_count_as_now() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)

    assert seconds_since("2026-11-22T23:59:00.000Z", now) == 60.0
    for strange in ("", "yesterday", "2026-11-22", "2027-01-01T00:00:00Z"):
        assert seconds_since(strange, now) == 0.0


def test_the_daemon_knows_its_own_now() -> None:
    status: StatusView = replace(healthy().status, started="2026-11-23T00:00:00.000Z", uptime_s=90.0)

    assert moment_of(status) == datetime(2026, 11, 23, 0, 1, 30, tzinfo=UTC)
    assert moment_of(replace(status, started="")).tzinfo is UTC
