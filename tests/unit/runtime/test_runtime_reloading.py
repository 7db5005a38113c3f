"""Wishes for a reload: one at a time, each caller hears what came of it, and a wrong file changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from runtime_kit import device, site

from edgeguard.core.errors import ConfigError, EdgeguardError
from edgeguard.core.limits import RELOADS_WAITING
from edgeguard.core.site import LogSpec, Site
from edgeguard.runtime import reloading
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.notify import Notifier
from edgeguard.runtime.reloading import Reloader
from edgeguard.runtime.site_files import InForce, SiteFiles

FILE = Path("/etc/edgeguard/site.toml")
SITE = site(device("pump-1", "riser-a"), sha256="c" * 64)


class FakeGateway:
    """Takes sites while `gate` is open, and refuses them while there is a `mistake`."""

    def __init__(self) -> None:
        self.taken: list[Site] = []
        self.refused: list[ConfigError] = []
        self.mistake: ConfigError | None = None
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def reload(self, wanted: Site) -> None:
        self.begun.set()
        await self.gate.wait()
        if self.mistake is not None:
            raise self.mistake
        self.taken.append(wanted)

    def take_origin(self, own: Site, note: str) -> None:
        assert (own, note) == (self.taken[-1], "")

    def refuse(self, error: ConfigError) -> None:
        self.refused.append(error)


class FakeNotifier(Notifier):
    """Keeps what systemd would hear."""

    def __init__(self) -> None:
        super().__init__(None)
        self.lines: list[str] = []

    def send(self, *lines: str) -> bool:
        self.lines += lines
        return True


class Desk:
    """A reloader at work, and all that it touches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gateway = FakeGateway()
        self.notifier = FakeNotifier()
        self.logs: list[LogSpec] = []
        self.loaded: list[Path] = []
        self.reloader = Reloader(cast(Gateway, self.gateway), cast(SiteFiles, self), self.notifier)
        self.site_of: Callable[[Path], Site] = lambda _path: SITE
        monkeypatch.setattr(reloading, "configure_log", self.logs.append)

    def load(self) -> InForce:
        """As the files of a site do."""
        self.loaded.append(FILE)
        site = self.site_of(FILE)
        return InForce(site, site)


@asynccontextmanager
async def at_work(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    desk = Desk(monkeypatch)
    task = asyncio.create_task(desk.reloader.run())
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_reload_takes_the_file_up_and_gives_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(monkeypatch) as desk:
        assert await desk.reloader.reload() == "c" * 64
        assert (desk.loaded, desk.gateway.taken, desk.logs) == ([FILE], [SITE], [SITE.log])
        assert desk.notifier.lines == ["RELOADING=1", "READY=1"]


async def test_a_wish_is_carried_out_without_anybody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(monkeypatch) as desk:
        desk.reloader.wish()
        await asyncio.wait_for(desk.gateway.begun.wait(), 5)
        assert await desk.reloader.reload() == "c" * 64
        assert desk.gateway.taken == [SITE, SITE]


async def test_mistakes_of_the_file_go_to_the_caller_and_to_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ConfigError(("site.toml:1: a", "site.toml:2: b"))

    def load(_path: Path) -> Site:
        raise wrong

    async with at_work(monkeypatch) as desk:
        desk.site_of = load
        with pytest.raises(ConfigError) as raised:
            await desk.reloader.reload()
        assert raised.value.mistakes == wrong.mistakes
        assert (desk.gateway.refused, desk.gateway.taken, desk.logs) == ([wrong], [], [])
        assert desk.notifier.lines == ["RELOADING=1", "READY=1"]
        desk.site_of = lambda _path: SITE
        assert await desk.reloader.reload() == "c" * 64


async def test_what_needs_a_restart_is_refused_and_the_log_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(monkeypatch) as desk:
        desk.gateway.mistake = ConfigError(("site.toml: gateway.id: cannot change while running",))
        with pytest.raises(ConfigError, match="cannot change"):
            await desk.reloader.reload()
        assert (len(desk.gateway.refused), desk.logs) == (1, [])


async def test_a_wrong_file_without_anybody_waiting_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(monkeypatch) as desk:
        desk.gateway.mistake = ConfigError(("site.toml:1: a",))
        desk.reloader.wish()
        with pytest.raises(ConfigError):
            await desk.reloader.reload()
        assert len(desk.gateway.refused) == 2


async def test_a_bug_while_loading_fails_the_child_and_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_path: Path) -> Site:
        raise ZeroDivisionError

    desk = Desk(monkeypatch)
    desk.site_of = load
    caller = asyncio.create_task(desk.reloader.reload())
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await desk.reloader.run()
    with pytest.raises(EdgeguardError, match="broken off"):
        await caller
    assert desk.notifier.lines == ["RELOADING=1", "READY=1"]
    assert desk.gateway.refused == []


async def test_being_stopped_in_the_middle_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(monkeypatch) as desk:
        desk.gateway.gate.clear()
        caller = asyncio.create_task(desk.reloader.reload())
        await asyncio.wait_for(desk.gateway.begun.wait(), 5)
    with pytest.raises(EdgeguardError, match="broken off"):
        await caller


async def test_a_caller_who_has_gone_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(monkeypatch) as desk:
        desk.gateway.gate.clear()
        caller = asyncio.create_task(desk.reloader.reload())
        await asyncio.wait_for(desk.gateway.begun.wait(), 5)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        desk.gateway.gate.set()
        assert await desk.reloader.reload() == "c" * 64
        assert len(desk.gateway.taken) == 2


async def test_no_more_may_wait_than_the_bound_says(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(monkeypatch) as desk:
        desk.gateway.gate.clear()
        first = asyncio.create_task(desk.reloader.reload())
        await asyncio.wait_for(desk.gateway.begun.wait(), 5)
        waiting = [asyncio.create_task(desk.reloader.reload()) for _ in range(RELOADS_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(EdgeguardError, match="others wait already"):
            await desk.reloader.reload()
        desk.reloader.wish()
        desk.gateway.gate.set()
        assert await asyncio.gather(first, *waiting) == ["c" * 64] * (1 + RELOADS_WAITING)
        assert len(desk.gateway.taken) == 1 + RELOADS_WAITING
