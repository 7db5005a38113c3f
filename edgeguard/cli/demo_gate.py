"""The gate of a demo: a camera that shows rendered cars, a barrier in the simulator, and one of the cars on the residents' list."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

from edgeguard.control import ControlClient
from edgeguard.control.errors import CallRefused, DaemonSilent
from edgeguard.control.methods import GATE_PUT
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.rules.gate_csv import write_csv

FILM: Final = "gate.mp4"
_RESIDENT: Final = Entry("皖A61R58", ListKind.RESIDENT, note="demo")
_AGAIN_S: Final = 0.5

GATE: Final = """
[[bus]]
name = "gate"
url = "tcp://127.0.0.1:15071"

[[device]]
name = "gate-io"
bus = "gate"
profile = "wellpro-wp8028adam"
address = 1
every = "500ms"
labels = { zh = "道闸控制盒", en = "Gate box" }

[device.interlock.output_1]
requires = ["input_8 == false"]          # nobody has pressed the emergency stop
max_age = "2s"

[[camera]]
name = "gate-in"
url = "file:gate.mp4"
task = "plates"
labels = { zh = "入口相机", en = "Entry camera" }

[parking]
trust_clock = true                       # nobody may synchronise the clock of the machine that a demo is shown on

[[parking.zone]]
name = "yard"
labels = { zh = "院内", en = "Yard" }
capacity = 120

[[gate]]
name = "main"
labels = { zh = "大门", en = "Main gate" }
open = "gate-io.output_1"
pulse = "500ms"
feedback = "gate-io.input_1"

[gate.plates]
entry = ["gate-in"]
zone = "yard"
loop = "gate-io.input_2"
"""


async def put_on_list(socket: Path) -> None:
    """One of the two cars is a resident's; asked for until the daemon takes it."""
    args = {"transfer": "demo", "part": 1, "parts": 1, "entries": write_csv([_RESIDENT]), "by": "demo"}
    async with ControlClient(socket) as client:
        while True:
            with contextlib.suppress(DaemonSilent, CallRefused):
                await client.call(GATE_PUT, args)
                return
            await asyncio.sleep(_AGAIN_S)
