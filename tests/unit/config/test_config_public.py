"""A public address needs a named switch, wherever the file names one; what cannot be known offline is said."""

from pathlib import Path

import pytest

from edgeguard.config import load_site_with_notes
from edgeguard.core.errors import ConfigError

HEAD = '[gateway]\nsite = "s"\nid = "g"\n'


def notes(tmp_path: Path, text: str) -> str:
    file = tmp_path / "site.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    return "\n".join(load_site_with_notes(file).notes)


def mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        notes(tmp_path, text)
    return str(refused.value)


@pytest.mark.parametrize("host", ["203.0.113.7", "[2606:4700::1]"])
def test_a_broker_at_a_public_address_needs_the_word(tmp_path: Path, host: str) -> None:
    refused = mistakes(tmp_path, f'[uplink]\nurl = "mqtts://{host}"\n')
    assert f"site.toml:5: uplink.url: {host.strip('[]')} is a public address" in refused
    assert "write allow_public = true" in refused
    allowed = notes(tmp_path, f'[uplink]\nurl = "mqtts://{host}"\nallow_public = true\n')
    assert "uplink.allow_public" in allowed
    assert "may be anywhere in the world" in allowed


def test_of_a_name_is_said_what_cannot_be_known(tmp_path: Path) -> None:
    told = notes(tmp_path, '[uplink]\nurl = "mqtts://mqtt.example"\n')
    assert "whether mqtt.example is a public address is known when it is resolved" in told
    assert "known when" not in notes(tmp_path, '[uplink]\nurl = "mqtts://mqtt.example"\nallow_public = true\n')


@pytest.mark.parametrize("host", ["10.0.0.5", "localhost", "[fd00::5]"])
def test_inside_nothing_is_said_and_the_word_is_idle(tmp_path: Path, host: str) -> None:
    assert "public" not in notes(tmp_path, f'[uplink]\nurl = "mqtts://{host}"\n')
    assert "has no effect" in notes(tmp_path, f'[uplink]\nurl = "mqtts://{host}"\nallow_public = true\n')


BUS = '[[bus]]\nname = "b"\nurl = "tcp://203.0.113.7"\n'
CAMERA = '[[camera]]\nname = "c"\ntask = "falling"\nurl = "rtsp://203.0.113.7/live"\n'


@pytest.mark.parametrize(("text", "key"), [(BUS, "bus[0].url"), (CAMERA, "camera[0].url")], ids=("bus", "camera"))
def test_so_do_buses_and_cameras(tmp_path: Path, text: str, key: str) -> None:
    assert f"{key}: 203.0.113.7 is a public address" in mistakes(tmp_path, text)
    assert "public" not in notes(tmp_path, text + "allow_public = true\n")


def test_a_serial_port_has_no_address(tmp_path: Path) -> None:
    refused = mistakes(tmp_path, '[[bus]]\nname = "b"\nport = "/dev/ttyS0"\nallow_public = true\n')
    assert "bus[0].allow_public: does nothing with a serial port" in refused
