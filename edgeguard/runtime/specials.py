"""Commands of the platform that are no methods of the control socket: what it wants to know or restart from afar."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from edgeguard.control import Call, Handler
from edgeguard.control.command_views import AuditEndView, ConfigView, DiagView, RestartView
from edgeguard.control.views import StatusView
from edgeguard.core.command import CommandName
from edgeguard.core.errors import CommandRefused, Permanent, StoreError
from edgeguard.core.interlock import Interlock
from edgeguard.core.limits import AUDIT_WITHIN_S, COMMAND_REPLY_BYTES, RESTART_AFTER_S, RESTART_PAUSE_MS, RESTARTS_PER_HOUR
from edgeguard.rules.interlock import too_often
from edgeguard.runtime.gateway import Gateway
from edgeguard.store import Batch

_RESTART: Final = "command restart"
_RESTARTS: Final = Interlock(min_interval_ms=RESTART_PAUSE_MS, per_hour=RESTARTS_PER_HOUR)


def special_commands(
    gateway: Gateway, config_path: Path, status: Callable[[Call], Awaitable[StatusView]], stop: Callable[[], None]
) -> Mapping[str, Handler]:
    """By name. `stop` ends the daemon in order, after which its service manager starts it anew."""

    async def config_get(_: Call) -> ConfigView:
        """The configuration file as it is now; secrets are never in it."""
        try:
            text = await asyncio.to_thread(config_path.read_text, "utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Permanent(f"the configuration cannot be read: {error}") from error
        if len(text.encode()) > COMMAND_REPLY_BYTES:
            raise Permanent(f"the configuration has more than {COMMAND_REPLY_BYTES} bytes, which no reply can hold")
        return ConfigView(gateway.site.sha256, gateway.config_error, text)

    async def diag(call: Call) -> DiagView:
        """The daemon as a whole, the end of the audit log, and what became of commands so far."""
        n, head = await gateway.store.audit_head()
        return DiagView(await status(call), AuditEndView(n, head), dict(gateway.commander.counts))

    async def restart(_: Call) -> RestartView:
        """Told first, done then: the answer must get out. Not again and again, and that is remembered over the restart itself."""
        why = too_often(_RESTARTS, gateway.rates.earlier(_RESTART), gateway.clock.now().boot_ms, "restart")
        if why:
            raise CommandRefused("too-often", f"not restarted: {why}")
        at_ms = gateway.rates.count(_RESTART)
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await gateway.store.put(Batch((), states=(gateway.rates.state(_RESTART),)))
        except (StoreError, TimeoutError):
            gateway.rates.take_back(_RESTART, at_ms)
            raise StoreError("not restarted: the disk takes nothing, so it would not be known how often that was done") from None
        asyncio.get_running_loop().call_later(RESTART_AFTER_S, stop)
        return RestartView(RESTART_AFTER_S)

    return {CommandName.CONFIG_GET: config_get, CommandName.DIAG: diag, CommandName.RESTART: restart}
