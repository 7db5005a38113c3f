"""Which configuration is in force: the person's file, or the one that the platform has put on top of exactly that file.

The person's file is never touched (the service may not even write there). What the platform puts lies in the state directory,
under a name that says on which content of the person's file it rests: `config/on-SHA256.toml`. So whoever changes the person's
file has the last word, without a rule that could be forgotten. Everything else in the folder serves the trial of a new one:

    kept-SHA256.toml  what was in force before the newest
    aside.toml        what counts no more, because the person's file has been changed since
    trial.json        there while the newest is on trial; at a start it means that the trial was cut off: the old one comes back

Each step is one atomic rename that is durable before the next, so that a power cut leaves the old or the new, and never a half.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from edgeguard.config import load_site
from edgeguard.config.document import Document, read_document
from edgeguard.core.afar_limits import CONFIG_TRIAL_BYTES
from edgeguard.core.errors import ConfigError
from edgeguard.core.limits import CONFIG_MAX_BYTES
from edgeguard.core.site import Site

FOLDER: Final = "config"
_TRIAL: Final = "trial.json"
_DRAFT: Final = "draft.toml"
_ASIDE: Final = "aside.toml"
_DAMAGE: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Trial:
    """A new configuration on trial: which command brought it, where its answer goes, what it is, and what comes back."""

    command_id: str
    reply_topic: str
    correlation: str
    """Of the command, in hexadecimal; empty if it had none."""
    sha256: str
    before: str
    """SHA-256 of what was in force before."""
    kept: bool
    """Whether that, too, was put by the platform; else it is the person's file."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The site in force. `own` is the person's, the same unless the platform has put another; `note` says what was set aside."""

    site: Site
    own: Site
    note: str = ""


class SiteFiles:
    """The person's file and what lies on top of it. Everything here blocks: call it on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> InForce:
        """What is in force now. ConfigError with the mistakes of the person's file."""
        own = load_site(self.path)
        put = self._put_of(own)
        if not put.exists():
            return InForce(own, own, self._set_stale_aside(own))
        try:
            site = load_site(put, folder=self.path.parent)
        except ConfigError as error:
            return InForce(own, own, f"what the platform has put is wrong now: {error.mistakes[0]}")
        return InForce(site, own)

    @staticmethod
    def document(site: Site) -> Document:
        """A site's file as it is now. ConfigError if it cannot be read any more."""
        return read_document(Path(site.source))

    def draft(self, own: Site, text: str) -> Path:
        """A file of this content to be examined; overwritten by the next. OSError if the disk does not take it."""
        path = self._folder(own) / _DRAFT
        _replace(path, text.encode())
        return path

    def examine(self, own: Site, draft: Path) -> Site:
        """The site of a draft, by the checks that every file passes. ConfigError with the mistakes, which name no path here."""
        try:
            return load_site(draft, folder=self.path.parent)
        except ConfigError as error:
            here, home = f"{draft}:", f"{os.path.abspath(self.path.parent)}/"  # noqa: PTH100 (links stay)
            raise ConfigError(tuple(f"site.toml:{m.removeprefix(here).replace(home, '')}" for m in error.mistakes)) from None

    def begin(self, own: Site, trial: Trial, text: str) -> None:
        """Put the new one in force, on trial. OSError leaves the old one in force."""
        put, kept = self._put_of(own), self._kept_of(own)
        if trial.kept:
            _replace(kept, put.read_bytes())
        else:
            kept.unlink(missing_ok=True)
        told = {name: getattr(trial, name) for name in Trial.__dataclass_fields__}
        _replace(self._folder(own) / _TRIAL, json.dumps(told).encode())
        _replace(put, text.encode())

    def settle(self, own: Site) -> None:
        """The trial is passed: it stays."""
        _remove(self._folder(own) / _TRIAL)

    def roll_back(self, own: Site, known: Trial | None = None) -> Trial | None:
        """Bring back what was before the trial; gives the trial, None if there was none. OSError leaves it to the next start.

        `known`: the trial of whoever has begun it, whose record may be gone already or not be there yet.
        """
        folder = self._folder(own)
        try:
            trial = known or _trial(folder / _TRIAL)
        except FileNotFoundError:
            return None
        put, kept = self._put_of(own), self._kept_of(own)
        if trial.kept and kept.exists():
            _replace(put, kept.read_bytes())
        else:
            _remove(put)
        _remove(folder / _TRIAL)
        return trial

    def _set_stale_aside(self, own: Site) -> str:
        """Put away what rests on an earlier content of the person's file, lest it come back with that; tells of it in words."""
        folder = Path(own.store.directory) / FOLDER
        stale = sorted(folder.glob("on-*.toml")) if folder.is_dir() else []
        if not stale:
            return ""
        with contextlib.suppress(OSError):
            for path in stale:
                path.replace(folder / _ASIDE)
            _remove(folder / _TRIAL)
        return f"{self.path} has been changed since the platform put a configuration on top of it: that one counts no more"

    def _folder(self, own: Site) -> Path:
        folder = Path(own.store.directory) / FOLDER
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def _put_of(self, own: Site) -> Path:
        return Path(own.store.directory) / FOLDER / f"on-{own.sha256}.toml"

    def _kept_of(self, own: Site) -> Path:
        return Path(own.store.directory) / FOLDER / f"kept-{own.sha256}.toml"


def _trial(path: Path) -> Trial:
    """FileNotFoundError if there is none. One that cannot be read is a trial all the same, of which nothing is known."""
    with path.open("rb") as file:
        data = file.read(CONFIG_TRIAL_BYTES)
    try:
        told: Mapping[str, Any] = MappingProxyType(json.loads(data))
        return Trial(
            command_id=str(told["command_id"]),
            reply_topic=str(told["reply_topic"]),
            correlation=str(told["correlation"]),
            sha256=str(told["sha256"]),
            before=str(told["before"]),
            kept=bool(told["kept"]),
        )
    except _DAMAGE:
        return Trial("", "", "", "", "", kept=True)


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old or the new, also after a power cut."""
    if len(data) > CONFIG_MAX_BYTES:
        raise OSError(f"{len(data)} bytes are too many for a configuration")
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
