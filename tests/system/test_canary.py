"""Secrets planted in every file that may hold one, and looked for, in every spelling, in whatever leaves the processes."""

import base64
import contextlib
import os
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from harness import Running, daemon, free_port, listens, mosquitto, site_text, subscribe, wait_for
from test_config_put import Platform
from test_uplink_mosquitto import Authority

from edgeguard.control import methods
from edgeguard.control.client import call

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("needs_mosquitto")]

ASKED = (
    ("status", "--json"),
    ("doctor", "--config", "{folder}/site.toml"),
    ("cameras", "--json"),
    ("audit", "show", "--json", "--directory", "{folder}/state"),
    ("check", "{folder}/site.toml", "--json"),
)


def spellings(secret: str) -> Iterator[bytes]:
    """As it is, as a URL, a hex dump, base64 at any offset, or a repr would write it."""
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield raw.hex().encode()
    for offset in range(3):
        # what stands before shifts it, and both ends depend on their neighbours
        yield base64.b64encode(b"x" * offset + raw)[4:-4]


def leaks(named: Mapping[str, bytes], planted: Mapping[str, str]) -> list[str]:
    """Which secret stands where."""
    return [
        f"{which} in {where}"
        for where, content in named.items()
        for which, secret in planted.items()
        if any(spelt in content for spelt in spellings(secret))
    ]


def test_the_search_finds_what_is_there() -> None:
    secret = f"canary/{secrets.token_hex(12)}"
    for spelt in (
        secret,
        quote(secret, safe=""),
        secret.encode().hex(),
        base64.b64encode(b"u:" + secret.encode() + b"\n").decode(),
    ):
        assert leaks({"x": f"before {spelt} after".encode()}, {"key": secret}) == ["key in x"]
    assert leaks({"x": b"nothing"}, {"key": secret}) == []


def _plant(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    folder.mkdir(mode=0o700)
    planted = {name: f"canary/{secrets.token_hex(12)}" for name in names}
    for name, secret in planted.items():
        (folder / name).write_text(f"{secret}\n", encoding="ascii")
        (folder / name).chmod(0o600)
    return planted


def _family(pid: int) -> dict[str, bytes]:
    """Command line and environment of a process and of everything below it."""
    found: dict[str, bytes] = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        found |= _family(int(child))
    return found | {f"/proc/{pid}/{what}": Path(f"/proc/{pid}/{what}").read_bytes() for what in ("cmdline", "environ")}


def _answers(running: Running, asked: Iterable[Sequence[str]]) -> dict[str, bytes]:
    found = {}
    for words in asked:
        filled = [word.format(folder=running.folder) for word in words]
        command = [sys.executable, "-m", "edgeguard", "--socket", f"{running.folder}/control.sock", *filled]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.returncode in (0, 1, 2), done.stderr
        found[" ".join(words)] = done.stdout + done.stderr
    return found


def _files(folder: Path) -> dict[str, bytes]:
    own = (path for path in folder.rglob("*") if path.is_file() and "secrets" not in path.parts and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in own}


def _site(folder: Path, broker: int, authority: Authority, certificate: Path) -> str:
    held, nobody = folder / "secrets", free_port()
    text = site_text(folder, broker, {}, "").replace(f"mqtt://127.0.0.1:{broker}", f"mqtts://127.0.0.1:{broker}")
    uplink = f'ca = "{authority.certificate}"\ncertificate = "{certificate}"\nkey = "{held}/tls.key"\nusername = "g1"\n'
    text = text.replace("[store]", f'{uplink}password_file = "{held}/uplink"\n\n[store]').replace('"info"', '"debug"')
    return (
        text
        + f"""
[commands]
allow = ["diag", "config.get"]

[[camera]]
name = "gate"
url = "rtsp://127.0.0.1:{nobody}/live"
task = "plates"
username = "viewer"
password_file = "{held}/camera"
plates = "hashed"
plate_key_file = "{held}/plates"
pictures = "masked"
picture_key_file = "{held}/pictures"
"""
    )


@pytest.mark.timeout(300)
def test_no_secret_leaves_by_log_answer_message_file_or_crash(tmp_path: Path) -> None:
    planted = _plant(tmp_path / "secrets", ("uplink", "camera", "plates", "pictures"))
    authority = Authority(tmp_path / "secrets", "ca")
    certificate, key = authority.issue("g1", "DNS:g1")
    (tmp_path / "secrets" / "tls.key").write_bytes(key.read_bytes())
    (tmp_path / "secrets" / "tls.key").chmod(0o600)
    planted["tls.key"] = key.read_text(encoding="ascii").splitlines()[1]
    server, server_key = authority.issue("broker")
    broker, plain = free_port(), free_port()
    runs_as = "user root\n" if os.geteuid() == 0 else ""
    extra = f"cafile {authority.certificate}\ncertfile {server}\nkeyfile {server_key}\nrequire_certificate true\n"
    extra += f"listener {plain} 127.0.0.1\n{runs_as}"
    site = _site(tmp_path, broker, authority, certificate)
    with contextlib.ExitStack() as opened:
        opened.enter_context(mosquitto(tmp_path, broker, extra))
        wait_for(lambda: listens(plain), "the platform's own listener", 60)
        opened.enter_context(subscribe(tmp_path, plain))
        running = opened.enter_context(daemon(tmp_path, site, synced=True))
        resource.prlimit(running.child.pid, resource.RLIMIT_CORE, (0, 0))
        wait_for(lambda: _is_up(tmp_path / "control.sock"), "the session, and a camera that is away", 60)
        platform = Platform(tmp_path, plain)
        assert platform.ask("diag")["ok"]
        assert platform.ask("config.get")["ok"]
        seen = _family(running.child.pid) | _answers(running, ASKED)
        assert len(seen) >= 2 * 2 + len(ASKED), "the camera's process is among them"
        # A password that does not fit, and a key that is none: what is said of them does not quote them.
        for name in ("tls.key", "plates"):
            planted[f"broken {name}"] = secret = f"canary/{secrets.token_hex(12)}"
            (tmp_path / "secrets" / name).write_text(f"-----BEGIN {secret}\n", encoding="ascii")
        seen |= {f"after, {what}": said for what, said in _answers(running, (("reload",), ASKED[0])).items()}
        running.child.send_signal(signal.SIGABRT)
        assert running.child.wait(60) == -signal.SIGABRT
    assert leaks(seen | _files(tmp_path), planted) == []


def _is_up(socket: Path) -> bool:
    uplink, (camera,) = call(socket, methods.STATUS).uplink, call(socket, methods.CAMERAS)
    return uplink is not None and uplink.state == "online" and any(one.code == "lost" for one in camera.troubles)
