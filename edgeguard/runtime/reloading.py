"""Takes up a changed configuration file: one reload at a time, and a wrong file changes nothing, whatever is wrong with it."""

import asyncio

from edgeguard.core.errors import ConfigError, EdgeguardError
from edgeguard.core.limits import RELOADS_WAITING
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.log import configure_log
from edgeguard.runtime.notify import Notifier
from edgeguard.runtime.site_files import SiteFiles


class Reloader:
    """A supervised child of the gateway. Wishes that come while one is carried out are carried out after it."""

    def __init__(self, gateway: Gateway, files: SiteFiles, notifier: Notifier) -> None:
        self._gateway = gateway
        self._files = files
        self._notifier = notifier
        self._wishes: asyncio.Queue[asyncio.Future[str] | None] = asyncio.Queue(RELOADS_WAITING)

    def wish(self) -> None:
        """Reload soon; what comes of it is told as health. With as many waiting as may wait, one of them will do."""
        if not self._wishes.full():
            self._wishes.put_nowait(None)

    async def reload(self) -> str:
        """Reload and give the SHA-256 of what is now in force; ConfigError with every mistake if it was refused."""
        if self._wishes.full():
            raise EdgeguardError("a reload is under way and others wait already")
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._wishes.put_nowait(answer)
        return await answer

    async def run(self) -> None:
        """Carry out wishes for ever."""
        while True:
            answer = await self._wishes.get()
            try:
                sha256 = await self._carry_out()
            except ConfigError as error:
                self._gateway.refuse(error)
                if answer is not None and not answer.done():
                    answer.set_exception(error)
            else:
                if answer is not None and not answer.done():
                    answer.set_result(sha256)
            finally:
                self._notifier.send("READY=1")
                if answer is not None and not answer.done():
                    answer.set_exception(EdgeguardError("the reload was broken off"))

    async def _carry_out(self) -> str:
        self._notifier.send("RELOADING=1")
        in_force = await asyncio.to_thread(self._files.load)
        await self._gateway.reload(in_force.site)
        self._gateway.take_origin(in_force.own, in_force.note)
        configure_log(in_force.site.log)
        return in_force.site.sha256
