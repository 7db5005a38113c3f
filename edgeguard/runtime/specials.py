"""Commands of the platform that are no methods of the control socket: what it wants to know or restart from afar."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from edgeguard.control import Call, Handler
from edgeguard.control.command_views import AuditEndView, DiagView, RestartView, SnapshotView
from edgeguard.control.views import StatusView
from edgeguard.core.command import CommandName
from edgeguard.core.errors import CommandRefused, StoreError
from edgeguard.core.interlock import Interlock
from edgeguard.core.limits import AUDIT_WITHIN_S, RESTART_AFTER_S, RESTART_PAUSE_MS, RESTARTS_PER_HOUR
from edgeguard.rules.interlock import too_often
from edgeguard.runtime.config_put import ConfigPut
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.history_rate import HistoryRate
from edgeguard.store import Batch

_RESTART: Final = "command restart"
_RESTARTS: Final = Interlock(min_interval_ms=RESTART_PAUSE_MS, per_hour=RESTARTS_PER_HOUR)


def special_commands(
    gateway: Gateway,
    config: ConfigPut,
    status: Callable[[Call], Awaitable[StatusView]],
    stop: Callable[[], None],
) -> Mapping[str, Handler]:
    """By name. `stop` ends the daemon in order, after which its service manager starts it anew."""

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
            gateway.store.submit(Batch((), states=(gateway.rates.state(_RESTART),)))
            raise StoreError("not restarted: the disk takes nothing, so it would not be known how often that was done") from None
        asyncio.get_running_loop().call_later(RESTART_AFTER_S, stop)
        return RestartView(RESTART_AFTER_S)

    async def snapshot(call: Call) -> SnapshotView:
        """A picture of this moment."""
        return await gateway.cameras.snapshot(call.text("camera"))

    return {
        CommandName.CONFIG_GET: config.get,
        CommandName.CONFIG_PUT: config.put,
        CommandName.DIAG: diag,
        CommandName.HISTORY_RATE: HistoryRate(gateway).set,
        CommandName.RESTART: restart,
        CommandName.SNAPSHOT: snapshot,
    }
