"""`release verify`: a release that is wrong is exit 1, a question that is wrong is exit 2; the file is named both times."""

import json
from pathlib import Path

from cli_kit import Desk

from edgeguard.testing.handlers import FakeBuilding

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAhbmcAaVWzJp4LlyEPsdM2a5RCCt1JcxNvnYT5PHtoy releases@edgeguard\n"


def test_an_unsigned_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(PUBLIC, encoding="ascii")
    release = tmp_path / "release"
    release.mkdir()
    (release / "edgeguard-9.9.9-py3-none-any.whl").write_bytes(b"")

    printed = Desk(tmp_path, FakeBuilding()).type("release", "verify", str(release), "--key", str(tmp_path / "key.pub"))
    as_json = Desk(tmp_path, FakeBuilding()).type("release", "verify", str(release), "--key", str(tmp_path / "key.pub"), "--json")

    assert (printed.code, as_json.code) == (1, 1)
    assert f"{release}/SHA256SUMS: is not there; a release without sums is not signed" in printed.err
    assert json.loads(as_json.out)["error"]["code"] == "release-refused"


def test_a_missing_key_and_a_missing_release_are_bad_usage(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FakeBuilding())
    keyless = desk.type("release", "verify", str(tmp_path), "--key", str(tmp_path / "none.pub"))
    nowhere = desk.type("release", "verify", str(tmp_path / "nowhere"), "--key", str(tmp_path / "none.pub"))

    assert (keyless.code, nowhere.code) == (2, 2)
    assert "public key cannot be read" in keyless.err
    assert "nowhere" in nowhere.err
