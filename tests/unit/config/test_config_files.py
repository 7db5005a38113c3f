"""Files that the configuration names: certificates, passwords, keys and the folder of systemd's credentials."""

from collections.abc import Mapping
from pathlib import Path, PurePath

import pytest

from edgeguard.config import Loaded, load_site_with_notes
from edgeguard.core.errors import ConfigError

HEAD = '[gateway]\nsite = "s"\nid = "g"\n[uplink]\n'
"""Four lines; what follows starts at line 5."""


def load(tmp_path: Path, uplink: str, environ: Mapping[str, str] | None = None) -> Loaded:
    path = tmp_path / "site.toml"
    path.write_text(HEAD + uplink, encoding="utf-8")
    return load_site_with_notes(path, environ=environ or {})


def mistakes(tmp_path: Path, uplink: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, uplink, environ)
    return [line.removeprefix(f"{tmp_path / 'site.toml'}:") for line in caught.value.mistakes]


def secret(tmp_path: Path, mode: int) -> Path:
    path = tmp_path / "secret"
    path.write_text("canary", encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_password_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path, mode)
    found = mistakes(tmp_path, 'url = "mqtts://h"\nusername = "u"\npassword_file = "secret"\n')
    assert found == [f"7: uplink.password_file: {path} has mode {mode:04o}, so others can read a secret; run: chmod 600 {path}"]
    assert "canary" not in found[0]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_password_of_the_owner_alone_is_taken(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path, mode)
    uplink = load(tmp_path, 'url = "mqtts://h"\nusername = "u"\npassword_file = "secret"\n').site.uplink
    assert uplink is not None
    assert uplink.password_file == path


def test_a_key_needs_its_certificate_and_a_narrow_mode(tmp_path: Path) -> None:
    secret(tmp_path, 0o644)
    found = mistakes(tmp_path, 'url = "mqtts://h"\nkey = "secret"\n')
    assert [line.split(":")[1] for line in found] == [" uplink.key", " uplink.key"]
    assert found[0].endswith("needs certificate beside it")
    assert "mode 0644" in found[1]


def test_a_certificate_is_public(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x", encoding="utf-8")
    (tmp_path / "ca.pem").chmod(0o644)
    uplink = load(tmp_path, 'url = "mqtts://h:9999"\nca = "ca.pem"\n').site.uplink
    assert uplink is not None
    assert (uplink.host, uplink.port, uplink.tls, uplink.ca) == ("h", 9999, True, tmp_path / "ca.pem")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    found = mistakes(tmp_path, 'url = "mqtts://h"\nca = "nowhere.pem"\ncertificate = "folder"\n')
    assert found[0] == f"6: uplink.ca: {tmp_path}/nowhere.pem cannot be used: no such file or directory"
    assert f"7: uplink.certificate: {tmp_path}/folder is not a file" in found


def test_tls_files_do_nothing_without_tls(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x", encoding="utf-8")
    assert mistakes(tmp_path, 'url = "mqtt://localhost"\nca = "ca.pem"\n') == [
        "6: uplink.ca: does nothing with mqtt://, which has no TLS; use mqtts:// or remove it"
    ]


CREDENTIAL = 'url = "mqtts://h"\nusername = "u"\npassword_file = "${CREDENTIALS_DIRECTORY}/uplink"\n'


def test_offline_a_credential_is_a_note_and_stays_as_written(tmp_path: Path) -> None:
    loaded = load(tmp_path, CREDENTIAL)
    assert loaded.site.uplink is not None
    assert loaded.site.uplink.password_file == PurePath("${CREDENTIALS_DIRECTORY}/uplink")
    assert any(":7: uplink.password_file: CREDENTIALS_DIRECTORY is set by systemd only" in note for note in loaded.notes)


def test_under_systemd_a_credential_must_be_there_whatever_its_mode(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert "cannot be used" in mistakes(tmp_path, CREDENTIAL, environ)[0]
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "uplink").write_text("x", encoding="utf-8")
    (tmp_path / "credentials" / "uplink").chmod(0o440)
    loaded = load(tmp_path, CREDENTIAL, environ)
    assert loaded.site.uplink is not None
    assert loaded.site.uplink.password_file == tmp_path / "credentials" / "uplink"


@pytest.mark.parametrize("path", ["${CREDENTIALS_DIRECTORY}/../../etc/shadow", "x/${CREDENTIALS_DIRECTORY}/y"])
def test_a_credential_cannot_leave_its_folder(tmp_path: Path, path: str) -> None:
    found = mistakes(tmp_path, f'url = "mqtts://h"\nusername = "u"\npassword_file = "{path}"\n')
    assert "7: uplink.password_file: must have the form ${CREDENTIALS_DIRECTORY}/NAME" in found


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
def test_plain_mqtt_stays_on_this_machine(tmp_path: Path, host: str) -> None:
    uplink = load(tmp_path, f'url = "mqtt://{host}"\n').site.uplink
    assert uplink is not None
    assert (uplink.tls, uplink.port) == (False, 1883)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "127.0.0.1.example.com", "[fe80::1]", "0.0.0.0"])
def test_plain_mqtt_to_anywhere_else_needs_the_named_switch(tmp_path: Path, host: str) -> None:
    assert "5: uplink.url: mqtt:// to" in mistakes(tmp_path, f'url = "mqtt://{host}"\n')[0]
    loaded = load(tmp_path, f'url = "mqtt://{host}"\nallow_plaintext = true\n')
    assert any("travel to" in note and "unprotected" in note for note in loaded.notes)
