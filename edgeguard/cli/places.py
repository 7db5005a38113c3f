"""Where the files of an installation lie, and the options by which a command is told other places. Imports nothing heavy."""

from pathlib import Path
from typing import Annotated

import typer

SITE_FILE = Path("/etc/edgeguard/site.toml")
STATE_DIRECTORY = Path("/var/lib/edgeguard")
CONFIG_VARIABLE = "EDGEGUARD_CONFIG"

Configuration = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", envvar=CONFIG_VARIABLE, help="The configuration.")]
StateFolder = Annotated[
    Path, typer.Option("--directory", metavar="DIR", envvar="EDGEGUARD_STATE", help="The state directory: [store] directory.")
]
