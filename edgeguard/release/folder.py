"""A release as it lies in a folder: `SHA256SUMS`, its signature, and the files that the sums name.

The sums are read once, the signature is judged over those very bytes, and nothing is said of a file before that.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from edgeguard.core.release_limits import (
    RELEASE_FILE_BYTES,
    RELEASE_FILES,
    RELEASE_PIECE_BYTES,
    RELEASE_SIGNATURE_BYTES,
    RELEASE_SUMS_BYTES,
)
from edgeguard.release.errors import ReleaseRefused
from edgeguard.release.signature import Signer, signed_by
from edgeguard.release.version import Version

SUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.sig"
_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._+-]{0,200})", re.ASCII)
_WHEEL: Final = re.compile(r"edgeguard-([^-]{1,40})-py3-none-any\.whl", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verified:
    """A release that may be installed."""

    version: Version
    signer: Signer
    files: Mapping[str, str]
    """Names of the files that were looked at, and their SHA-256."""
    older: bool = False
    """Whether it is older than the installed version, and was let through on purpose."""


@dataclass(frozen=True, slots=True)
class DownloadedRelease:
    """A folder that says it is a release, or one file in it."""

    folder: Path
    only: str = ""
    """The one file that is asked about; all of them where this is empty."""

    @classmethod
    def at(cls, path: Path) -> Self:
        """A folder, or a file beside its sums."""
        return cls(path) if path.is_dir() else cls(path.parent, path.name)

    def verified(self, signers: Sequence[Signer], installed: Version, allow_downgrade: bool = False) -> Verified:
        """Signed by one of `signers`, whole, and not older than `installed` unless that is allowed. ReleaseRefused otherwise."""
        sums = _read(self.folder / SUMS, RELEASE_SUMS_BYTES, "a release without sums is not signed")
        signature = _read(self.folder / SIGNATURE, RELEASE_SIGNATURE_BYTES, "this release is not signed")
        signer = signed_by(sums, signature.decode("ascii", "replace"), signers, str(self.folder / SIGNATURE))
        named = _named(sums, self.folder / SUMS)
        version = _version(named, self.folder / SUMS)
        for name in self._asked(named):
            _compare(self.folder / name, named[name])
        if version < installed and not allow_downgrade:
            raise ReleaseRefused(
                f"{self.folder}: {version} is older than the installed {installed}: a way back to mended weaknesses, and the"
                " older one may not open the outbox; --allow-downgrade takes it all the same"
            )
        looked_at = {self.only: named[self.only]} if self.only else named
        return Verified(version, signer, looked_at, older=version < installed)

    def _asked(self, named: Mapping[str, str]) -> Sequence[str]:
        if not self.only:
            here = {path.name for path in self.folder.iterdir()}
            foreign = sorted(here - named.keys() - {SUMS, SIGNATURE})
            if foreign:
                raise ReleaseRefused(f"{self.folder / foreign[0]}: lies in the release and is not named in {SUMS}")
            return sorted(named)
        if self.only not in named:
            raise ReleaseRefused(f"{self.folder / self.only}: is not named in {SUMS}, so nobody has signed it")
        return (self.only,)


def _read(path: Path, most: int, where_missing: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise ReleaseRefused(f"{path}: is not there; {where_missing}") from None
    except OSError as error:
        raise ReleaseRefused(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise ReleaseRefused(f"{path}: is larger than any of ours")
    return data


def _named(sums: bytes, path: Path) -> dict[str, str]:
    """Every file's SHA-256, by its name."""
    lines = sums.decode("ascii", "replace").splitlines()
    if len(lines) > RELEASE_FILES:
        raise ReleaseRefused(f"{path}: names more than {RELEASE_FILES} files")
    named: dict[str, str] = {}
    for n, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in named:
            raise ReleaseRefused(f"{path}:{n}: is not `SHA-256  NAME` of one more file")
        named[match[2]] = match[1]
    return named


def _version(named: Mapping[str, str], path: Path) -> Version:
    """That of the one wheel: its name is signed with the sums, so that no older one can bear a newer one's name."""
    wheels = [match[1] for name in named if (match := _WHEEL.fullmatch(name))]
    if len(wheels) != 1:
        raise ReleaseRefused(f"{path}: names {len(wheels)} wheels of edgeguard, a release has one")
    try:
        return Version.of(wheels[0])
    except ValueError as error:
        raise ReleaseRefused(f"{path}: {error}") from None


def _compare(path: Path, wanted: str) -> None:
    digest = hashlib.sha256()
    try:
        if path.is_symlink() or not path.is_file():
            raise ReleaseRefused(f"{path}: is named in {SUMS} and is no file here")
        if path.stat().st_size > RELEASE_FILE_BYTES:
            raise ReleaseRefused(f"{path}: is larger than any of ours")
        with path.open("rb") as file:
            while piece := file.read(RELEASE_PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        raise ReleaseRefused(f"{path}: cannot be read ({error.strerror})") from error
    if digest.hexdigest() != wanted:
        raise ReleaseRefused(f"{path}: is not the file that was signed (SHA-256 differs)")
