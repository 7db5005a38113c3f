"""A release from `make release`'s own script: judged alike by `edgeguard release verify` and OpenSSH, refused after any change."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeguard import __version__
from edgeguard.release import DownloadedRelease, Version, signers_of
from edgeguard.release.errors import ReleaseRefused

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PRINCIPAL = "releases@edgeguard"


def _run(*command: str | Path, cwd: Path | None = None, feed: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.run([*map(str, command)], capture_output=True, timeout=100, check=False, cwd=cwd, input=feed, env=environ)


@dataclass(frozen=True, slots=True)
class Releaser:
    """A clone, a key, and what was made with both."""

    clone: Path
    key: Path
    made: Path

    def ours(self, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Judged by the product."""
        return _run(sys.executable, "-m", "edgeguard", "release", "verify", *words, "--key", self.key.with_suffix(".pub"))

    def theirs(self, folder: Path) -> Sequence[int]:
        """Judged by ssh-keygen and sha256sum."""
        signers = self.clone.parent / "allowed_signers"
        signers.write_text(f"{PRINCIPAL} {self.key.with_suffix('.pub').read_text(encoding='ascii')}", encoding="ascii")
        sums = (folder / "SHA256SUMS").read_bytes()
        check = ("ssh-keygen", "-Y", "verify", "-f", signers, "-I", PRINCIPAL, "-n", "edgeguard-release", "-s")
        signed = _run(*check, folder / "SHA256SUMS.sig", feed=sums)
        return signed.returncode, _run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=folder).returncode


@pytest.fixture(scope="module")
def releaser(tmp_path_factory: pytest.TempPathFactory) -> Releaser:
    if shutil.which("ssh-keygen") is None or not (ROOT / ".git").exists():
        pytest.skip("needs ssh-keygen and a clone")
    house = tmp_path_factory.mktemp("releaser")
    key, clone = house / "key", house / "clone"
    assert _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PRINCIPAL, "-f", key).returncode == 0
    assert _run("git", "clone", "--quiet", ROOT, clone).returncode == 0
    done = _run(".ci/release", key, house / "dist", cwd=clone)
    assert done.returncode == 0, done.stderr.decode()
    (made,) = (house / "dist").iterdir()
    return Releaser(clone, key, made)


def test_the_release_is_whole_and_both_tools_take_it(releaser: Releaser) -> None:
    told = releaser.ours(releaser.made)

    assert told.returncode == 0, told.stderr.decode()
    assert "may be installed" in told.stdout.decode()
    assert list(releaser.theirs(releaser.made)) == [0, 0]
    (wheel,) = releaser.made.glob("*.whl")
    names = {path.name for path in releaser.made.iterdir()}
    assert names == {wheel.name, wheel.name.replace("-py3-none-any.whl", ".tar.gz")} | {
        "edgeguard.cdx.json",
        "requirements.lock",
        "SHA256SUMS",
        "SHA256SUMS.sig",
    }
    with zipfile.ZipFile(wheel) as packed:
        assert "edgeguard/release/signature.py" in packed.namelist()


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz", "requirements.lock", "SHA256SUMS"])
def test_one_flipped_bit_and_neither_tool_takes_it(releaser: Releaser, tmp_path: Path, pattern: str) -> None:
    copy = tmp_path / "release"
    shutil.copytree(releaser.made, copy)
    (victim,) = copy.glob(pattern)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)

    signers = signers_of(releaser.key.with_suffix(".pub").read_text(encoding="ascii"), "key")
    with pytest.raises(ReleaseRefused, match=r"not the file that was signed|changed after they had been signed"):
        DownloadedRelease.at(copy).verified(signers, Version.of(__version__))
    assert any(releaser.theirs(copy))


def test_another_building_of_the_same_commit_gives_the_same_bytes(releaser: Releaser, tmp_path: Path) -> None:
    done = _run(".ci/release", releaser.key, tmp_path, cwd=releaser.clone)

    assert done.returncode == 0, done.stderr.decode()
    assert next(tmp_path.iterdir()).joinpath("SHA256SUMS").read_bytes() == (releaser.made / "SHA256SUMS").read_bytes()


def test_what_is_not_committed_or_not_signed_is_not_released(releaser: Releaser, tmp_path: Path) -> None:
    unsigned = _run(".ci/release", "", tmp_path, cwd=releaser.clone)
    (releaser.clone / "edgeguard" / "slipped_in.py").write_text('"""Not committed."""\n', encoding="utf-8")
    dirty = _run(".ci/release", releaser.key, tmp_path, cwd=releaser.clone)

    assert (unsigned.returncode, dirty.returncode) == (2, 1)
    assert b"slipped_in.py" in dirty.stderr
    assert not list(tmp_path.iterdir())
