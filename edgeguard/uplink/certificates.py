"""The certificates on which the uplink rests, and until when: our own, the authorities', and the broker's as last seen.

Reads files, so it may block and is called on a thread. What cannot be read says nothing here: the next connection tells of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath

from edgeguard.codec.x509_dates import CertificateDates, NotACertificate, dates_of_pem
from edgeguard.core.afar_limits import CERTIFICATE_FILE_BYTES
from edgeguard.core.site import UplinkSpec


class Role(StrEnum):
    """Whose certificate it is; the value is the word in alarm names and for programs."""

    CLIENT = "client"
    AUTHORITY = "authority"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Held:
    """The certificate of one role that ends first. `source` is its file, empty for the broker's."""

    role: Role
    dates: CertificateDates
    source: str = ""

    def days_left(self, wall_ms: int) -> float:
        """Days until it ends; negative afterwards."""
        return (self.dates.not_after_ms - wall_ms) / 86_400_000


def held_certificates(spec: UplinkSpec) -> tuple[Held, ...]:
    """Our own and the authorities', as far as they can be read."""
    return tuple(
        held
        for role, path in ((Role.CLIENT, spec.certificate), (Role.AUTHORITY, spec.ca))
        if path is not None and (held := _held(role, path)) is not None
    )


def _held(role: Role, path: PurePath) -> Held | None:
    """Of a chain the one that ends first decides; of several authorities, mostly an old one and its successor, the last."""
    try:
        with Path(path).open("rb") as file:
            dates = dates_of_pem(file.read(CERTIFICATE_FILE_BYTES).decode("ascii", "replace"))
    except (OSError, NotACertificate):
        return None
    if not dates:
        return None
    choose = max if role is Role.AUTHORITY else min
    return Held(role, choose(dates, key=lambda one: one.not_after_ms), str(path))


Signature = tuple[tuple[str, int, int, int], ...]


def signature(spec: UplinkSpec) -> Signature:
    """What the files of the uplink are now: path, time of change, size, inode; a file that is not there has zeros."""
    return tuple(_signatures(spec))


def _signatures(spec: UplinkSpec) -> Iterator[tuple[str, int, int, int]]:
    for path in (spec.ca, spec.certificate, spec.key, spec.password_file):
        if path is None:
            continue
        try:
            found = Path(path).stat()
            yield str(path), found.st_mtime_ns, found.st_size, found.st_ino
        except OSError:
            yield str(path), 0, 0, 0
