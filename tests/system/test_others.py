"""Somebody else's devices, somebody else's broker, somebody else's client: the daemon between them."""

from pathlib import Path

import pytest
from harness import consumer, daemon, free_port, listens, mosquitto, process, site_text, subscribe, wait_for

pytestmark = pytest.mark.slow

PROFILE = """
[profile]
name = "libmodbus-slave"
maker = "libmodbus"
model = "test slave"
kind = "other"
protocol = "modbus"
labels = { zh = "测试从站", en = "test slave" }
source = "tests/native/slave.c"
trust = "built for tests"

[[point]]
name = "seconds"
table = "holding"
address = 0
type = "uint16"
labels = { zh = "秒", en = "seconds" }

[[point]]
name = "input_seconds"
table = "input"
address = 10
type = "uint16"
labels = { zh = "输入秒", en = "input seconds" }

[[point]]
name = "setpoint"
table = "holding"
address = 1500
type = "float32"
word_order = "little"
unit = "bar"
labels = { zh = "设定", en = "setpoint" }
write = { min = 0, max = 16, tolerance = 0.001, harmless = true }

[[point]]
name = "relay"
table = "coil"
address = 7
type = "bit"
labels = { zh = "继电器", en = "relay" }
write = { harmless = true }

[[point]]
name = "beyond"
table = "holding"
address = 5000
type = "uint16"
labels = { zh = "越界", en = "beyond the slave's map" }

[[alarm]]
name = "relay-on"
point = "relay"
condition = "equals"
limit = true
severity = "minor"
text = { zh = "继电器吸合", en = "the relay is on" }
"""

DEVICES = """
[[device]]
name = "slave-1"
bus = "plant"
profile = "libmodbus-slave"
address = 1
every = "200ms"
timeout = "10s"

[[device]]
name = "slave-2"
bus = "plant"
profile = "libmodbus-slave"
address = 2
every = "200ms"
timeout = "10s"

[[device]]
name = "absent"
bus = "plant"
profile = "libmodbus-slave"
address = 9
every = "200ms"

[device.alarms.comms-lost]
on_delay = "1s"
"""


@pytest.mark.usefixtures("needs_mosquitto")
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_libmodbus_to_mosquitto(tmp_path: Path, libmodbus_slave: Path, version: str) -> None:
    slave_port, broker_port = free_port(), free_port()
    slave = [str(libmodbus_slave), str(slave_port), "1", "2"]
    uplink = f'protocol = "{version}"'
    with mosquitto(tmp_path, broker_port), process(slave, tmp_path / "slave.log"):
        wait_for(lambda: listens(slave_port), "the slave")
        with subscribe(tmp_path, broker_port, version="5" if version == "5" else "311"):
            text = site_text(tmp_path, broker_port, {"plant": slave_port}, DEVICES, uplink)
            (tmp_path / "profiles" / "libmodbus-slave.toml").write_text(PROFILE, encoding="utf-8")
            with daemon(tmp_path, text) as running:
                wait_for(lambda: len(consumer(tmp_path).stream("telemetry")) >= 12, "telemetry")
                status = running.ask("status")
                assert isinstance(status, dict)
                assert status["uplink"]["protocol"] == version
                read = running.ask("read", "slave-1.setpoint")
                assert isinstance(read, list)
                assert read[0]["value"] == 0.0
                wrote = running.ask("write", "slave-1.setpoint", "4.25", "--yes")
                assert isinstance(wrote, dict)
                assert (wrote["verified"], wrote["read_back"]) == (True, 4.25)
                running.ask("write", "slave-2.relay", "true", "--yes")
                wait_for(lambda: "slave-2.relay-on" in str(consumer(tmp_path).stream("alarms")), "the relay's alarm")
                wait_for(lambda: "absent.comms-lost" in str(consumer(tmp_path).stream("alarms")), "comms-lost")
                assert running.stop() == 0
    seen = consumer(tmp_path)
    telemetry = seen.stream("telemetry")
    values = [item["values"] for item in telemetry if item["device"] == "slave-1"]
    assert any(v.get("setpoint") == 4.25 for v in values if isinstance(v, dict))
    assert any("beyond" in str(item.get("bad")) for item in telemetry if item["device"] == "slave-1")
    assert {item["device"] for item in telemetry} == {"slave-1", "slave-2", "absent"}
    assert all(not item["values"] for item in telemetry if item["device"] == "absent")
    commands = [item for item in seen.stream("events") if item["type"] == "command"]
    assert [c["result"] for c in commands if c["target"] == "slave-1.setpoint"] == ["accepted", "done"]
