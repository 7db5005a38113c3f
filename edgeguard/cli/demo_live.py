"""The demo on a terminal: `top`'s picture of the daemon, with what arrives at the broker and happens in the building below."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Final

from edgeguard.cli.demo_stage import Stage
from edgeguard.cli.output import console
from edgeguard.cli.session import Lang, Session
from edgeguard.cli.terminal import Canvas, keyboard, read_keys
from edgeguard.cli.text import label
from edgeguard.cli.top import Asker, Screen
from edgeguard.control.client import ControlClient
from edgeguard.control.errors import DaemonSilent
from edgeguard.control.views import LabelsView
from edgeguard.simulator.faults import Fault

PICTURE_S: Final = 0.5


async def show_live(stage: Stage, seconds: float | None, lang: Lang, stop: asyncio.Event) -> None:
    """Pictures until q, `stop`, the end of `seconds`, or the end of the daemon."""
    until_s = float("inf") if seconds is None else stage.started_s + seconds
    async with ControlClient(stage.socket) as client:
        asker = Asker(client)
        canvas = Canvas(console())
        with canvas.open(), keyboard() as descriptor:
            screen = Screen(Session(stage.socket, lang), canvas, asker, arrivals=lambda: tuple(stage.witness.news))
            with _listening(screen, descriptor, stop):
                await _pictures(stage, screen, asker, until_s, lang)


async def _pictures(stage: Stage, screen: Screen, asker: Asker, until_s: float, lang: Lang) -> None:
    loop = asyncio.get_running_loop()
    told: Fault | None = None
    while not screen.quit.is_set() and loop.time() < until_s and stage.daemon.returncode is None:
        happening = stage.faults.last
        if happening is not None and happening is not told:
            told = happening
            if happening.text is not None:
                stage.witness.tell(label(LabelsView(happening.text.zh, happening.text.en), lang))
        if not screen.look.paused:
            try:
                screen.show(await asker.ask())
            except DaemonSilent as error:
                screen.complain(error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PICTURE_S):
                await screen.quit.wait()


@contextlib.contextmanager
def _listening(screen: Screen, descriptor: int | None, stop: asyncio.Event) -> Iterator[None]:
    """Keys, the window's size and the signals that set `stop` reach the screen while this lasts."""
    loop = asyncio.get_running_loop()

    def typed() -> None:
        if descriptor is not None:
            for key in read_keys(descriptor):
                screen.press(key)

    async def pass_on() -> None:
        await stop.wait()
        screen.quit.set()

    if descriptor is not None:
        loop.add_reader(descriptor, typed)
    loop.add_signal_handler(signal.SIGWINCH, screen.paint)
    passing = loop.create_task(pass_on())
    try:
        yield
    finally:
        passing.cancel()
        if descriptor is not None:
            loop.remove_reader(descriptor)
        loop.remove_signal_handler(signal.SIGWINCH)
