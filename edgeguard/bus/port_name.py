"""A serial port by the name that the configuration gives it, found again after its adapter has been pulled and put back.

The kernel numbers adapters as they come: what was ttyUSB0 may be ttyUSB1 a minute later. While the port is open, the links
of udev that lead to it are noted (the socket that the adapter sits in, its serial number); should the name be gone
afterwards, the port is looked for behind those. A name that is such a link itself needs none of this.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

LINK_FOLDERS: Final = (Path("/dev/serial/by-path"), Path("/dev/serial/by-id"))
"""By-path first: cheap adapters have no serial number, so that two of them share one name by-id."""


class PortName:
    """Where the port of this name is now."""

    def __init__(self, path: Path, folders: Sequence[Path] = LINK_FOLDERS) -> None:
        self.path = path
        self._folders = folders
        self._links: tuple[Path, ...] = ()

    def find(self) -> Path:
        """The device to open. FileNotFoundError, with words for people, if it is not there under any known name."""
        if self.path.exists():
            return self.path
        for link in self._links:
            if link.exists():
                return link.resolve()
        what = "has gone" if self._links else "is not there: is the adapter plugged in? `ls /dev/serial/by-path` lists them"
        raise FileNotFoundError(f"{self.path} {what}")

    def note(self, opened: Path) -> None:
        """This device has just been opened: remember the other names that lead to it."""
        if self.path.is_symlink():
            return
        real = opened.resolve()
        links = [link for folder in self._folders if folder.is_dir() for link in sorted(folder.iterdir()) if link.resolve() == real]
        if links:
            self._links = tuple(links)
