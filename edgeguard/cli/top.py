"""`top`: asks for a picture every interval and shows it until somebody presses q. Lives on when the daemon restarts."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from edgeguard.cli.output import console, print_json
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.terminal import Canvas, Key, keyboard, read_keys
from edgeguard.cli.top_view import Look, choose, order_devices, render, render_lines
from edgeguard.control import methods
from edgeguard.control.client import ControlClient
from edgeguard.control.errors import DaemonSilent
from edgeguard.control.views import TopView
from edgeguard.core.limits import TOP_POINTS_AT_ONCE

_BEHIND = 12
"""Devices behind the selected one whose values a tall terminal may have room for."""
_BEFORE = 4
"""Devices before it, to which a key leads before the next picture is there."""


def top(session: Session, interval_s: float, count: int | None) -> Exit:
    """Live on a terminal; elsewhere `count` pictures (one by default) below each other; JSON lines if asked for."""
    live = sys.stdout.isatty() and not session.json
    try:
        with asyncio.Runner() as runner:
            return runner.run(_live(session, interval_s, count) if live else _plain(session, interval_s, count))
    except KeyboardInterrupt:
        return Exit.FINE


class Asker:
    """Asks for pictures, and in a large building only for the points that can be shown."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client
        self._large: bool | None = None
        self._around: tuple[str, ...] = ()

    async def ask(self) -> TopView:
        """The next picture. DaemonSilent as the client raises it."""
        if self._large is None:
            status = await self._client.call(methods.STATUS)
            self._large = status.points > TOP_POINTS_AT_ONCE
            if self._large:
                self._around = tuple(view.name for view in (await self._client.call(methods.DEVICES))[:_BEHIND])
        args: Mapping[str, object] = {"devices": list(self._around)} if self._large and self._around else {}
        return await self._client.call(methods.TOP, args)

    def look_at(self, view: TopView, look: Look) -> None:
        """Remember which devices the next picture needs the points of."""
        names = [device.name for device in order_devices(view.devices)]
        selected = choose(view, look)
        start = names.index(selected) if selected in names else 0
        turned = names[start:] + names[:start]
        self._around = tuple(dict.fromkeys(turned[:_BEHIND] + turned[-_BEFORE:]))


async def _plain(session: Session, interval_s: float, count: int | None) -> Exit:
    """Without a terminal to paint on."""
    async with ControlClient(session.socket) as client:
        asker = Asker(client)
        left = count if count is not None else None if session.json else 1
        out = console()
        while left is None or left > 0:
            view = await asker.ask()
            if session.json:
                print_json(view, indent=False)
            else:
                out.print(render(view, out.size.width, out.size.height, session.lang))
            if left is not None:
                left -= 1
            if left != 0:
                await asyncio.sleep(interval_s)
    return Exit.FINE


class Screen:
    """The state of a live view: the last picture, and what the person has chosen. `arrivals`: what the broker got, if one knows."""

    def __init__(self, session: Session, canvas: Canvas, asker: Asker, arrivals: Callable[[], Sequence[str]] = tuple) -> None:
        self._session = session
        self._canvas = canvas
        self._asker = asker
        self._arrivals = arrivals
        self._view: TopView | None = None
        self.look = Look()
        self.quit = asyncio.Event()

    def show(self, view: TopView) -> None:
        """A new picture; while paused the old one stays."""
        before = self._view
        if before is not None:
            cpu_s = view.status.cpu_s - before.status.cpu_s
            up_s = view.status.uptime_s - before.status.uptime_s
            if up_s > 0 and cpu_s >= 0:
                self.look = replace(self.look, cpu_percent=100 * cpu_s / up_s)
        self._view = view
        self.look = replace(self.look, note="")
        self.paint()

    def complain(self, error: DaemonSilent) -> None:
        """The daemon is away: the old picture stays, and says that it is old."""
        note = self._session.lang.say("守护进程无应答,重试中… ", "the daemon does not answer, trying again … ")
        self.look = replace(self.look, note=f"{note}({error})")
        self.paint()

    def press(self, key: Key) -> None:
        """A key."""
        if key is Key.QUIT:
            self.quit.set()
        elif key is Key.PAUSE:
            self.look = replace(self.look, paused=not self.look.paused)
        elif key is Key.REDRAW:
            self._canvas.forget()
        elif self._view is not None:
            names = [device.name for device in order_devices(self._view.devices)]
            if names:
                place = names.index(choose(self._view, self.look)) + (1 if key is Key.NEXT else -1)
                self.look = replace(self.look, selected=names[place % len(names)])
        self.paint()

    def paint(self) -> None:
        """The present picture at the present size."""
        if self._view is None:
            return
        self._asker.look_at(self._view, self.look)
        width, height = self._canvas.size
        lines = render_lines(self._view, width, height, self._session.lang, self._arrivals(), self.look)
        self._canvas.paint(lines)


async def _live(session: Session, interval_s: float, count: int | None) -> Exit:
    async with ControlClient(session.socket) as client:
        asker = Asker(client)
        # Before the screen is taken: without a daemon there is a sentence to read, not an empty picture.
        first = await asker.ask()
        canvas = Canvas(console())
        with canvas.open(), keyboard() as descriptor:
            screen = Screen(session, canvas, asker)
            with _listening(screen, descriptor):
                screen.show(first)
                await _pictures(screen, asker, interval_s, None if count is None else count - 1)
    return Exit.FINE


async def _pictures(screen: Screen, asker: Asker, interval_s: float, left: int | None) -> None:
    """A picture per interval until the person quits or `left` have been shown."""
    while left is None or left > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval_s):
                await screen.quit.wait()
        if screen.quit.is_set():
            return
        if screen.look.paused:
            continue
        try:
            screen.show(await asker.ask())
        except DaemonSilent as error:
            screen.complain(error)
        if left is not None:
            left -= 1


@contextlib.contextmanager
def _listening(screen: Screen, descriptor: int | None) -> Iterator[None]:
    """Keys and the window's size reach the screen while this lasts."""
    loop = asyncio.get_running_loop()

    def typed() -> None:
        if descriptor is not None:
            for key in read_keys(descriptor):
                screen.press(key)

    if descriptor is not None:
        loop.add_reader(descriptor, typed)
    loop.add_signal_handler(signal.SIGWINCH, screen.paint)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, screen.quit.set)
    try:
        yield
    finally:
        if descriptor is not None:
            loop.remove_reader(descriptor)
        for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.remove_signal_handler(number)
