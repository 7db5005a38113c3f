"""Files that a configuration names: where they are, whether they are there, and whether secrets among them are secret."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.config.mistakes import Mistakes
from edgeguard.config.positions import KeyPath

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd tells a service where its LoadCredential files are."""

_VARIABLE: Final = re.compile(r"\$\{([^${}]*)\}")


@dataclass(frozen=True, slots=True)
class Files:
    """Resolves the paths of one configuration file. `folder` is the folder that relative paths start from."""

    folder: Path
    environ: Mapping[str, str]
    mistakes: Mistakes

    def resolve(self, written: str, path: KeyPath) -> Path:
        """The absolute path; `${CREDENTIALS_DIRECTORY}` stays as written where the variable is not set, with a note."""
        for name in _VARIABLE.findall(written):
            if name != CREDENTIALS:
                self.mistakes.add(path, f"${{{name}}} is not expanded here; only ${{{CREDENTIALS}}} is")
        if not written.isprintable():
            self.mistakes.add(path, "must be a path without control characters")
            return self.folder
        if f"${{{CREDENTIALS}}}" in written:
            return self._credential(written, path)
        if written.startswith("~"):
            self.mistakes.add(path, '"~" is not expanded; write the whole path')
        return Path(os.path.normpath(self.folder / written))

    def _credential(self, written: str, path: KeyPath) -> Path:
        if not written.startswith(f"${{{CREDENTIALS}}}/") or ".." in Path(written).parts:
            self.mistakes.add(path, f"must have the form ${{{CREDENTIALS}}}/NAME")
        folder = self.environ.get(CREDENTIALS)
        if folder is None:
            self.mistakes.note(path, f"{CREDENTIALS} is set by systemd only, so this file could not be looked at here")
            return Path(written)
        return Path(written.replace(f"${{{CREDENTIALS}}}", folder, 1))

    def readable(self, written: str, path: KeyPath, secret: bool = False) -> Path:
        """A file that must be there; a secret one must be readable by its owner only (systemd guards its credentials itself)."""
        resolved = self.resolve(written, path)
        is_credential = CREDENTIALS in written
        if is_credential and CREDENTIALS not in self.environ:
            return resolved
        try:
            status = resolved.stat()
        except OSError as error:
            self.mistakes.add(path, f"{resolved} cannot be used: {(error.strerror or 'not found').lower()}")
            return resolved
        if not stat.S_ISREG(status.st_mode):
            self.mistakes.add(path, f"{resolved} is not a file")
        elif secret and not is_credential and status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            self.mistakes.add(path, f"{resolved} has mode {mode:04o}, so others can read a secret; run: chmod 600 {resolved}")
        elif not os.access(resolved, os.R_OK):
            self.mistakes.note(path, f"{resolved} is there, but the user who runs this check may not read it")
        return resolved

    def directory(self, written: str, path: KeyPath) -> Path | None:
        """A folder that must be there; None after adding a mistake."""
        resolved = self.resolve(written, path)
        try:
            is_folder = stat.S_ISDIR(resolved.stat().st_mode)
        except OSError as error:
            self.mistakes.add(path, f"{resolved} cannot be used: {(error.strerror or 'not found').lower()}")
            return None
        if not is_folder:
            self.mistakes.add(path, f"{resolved} is not a folder")
            return None
        return resolved
