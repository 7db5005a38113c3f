"""Commands of the platform that are no methods of the control socket: what it wants to know or restart from afar."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from edgeguard.control import Call, Handler
from edgeguard.core.command import CommandName
from edgeguard.core.errors import Permanent
from edgeguard.core.limits import COMMAND_REPLY_BYTES, RESTART_AFTER_S
from edgeguard.runtime.commander import PLATFORM, Special
from edgeguard.runtime.gateway import Gateway


def special_commands(gateway: Gateway, config_path: Path, status: Handler, stop: Callable[[], None]) -> Mapping[str, Special]:
    """By name. `stop` ends the daemon in order, after which its service manager starts it anew."""

    async def config_get() -> object:
        """The configuration file as it is now; secrets are never in it."""
        try:
            text = await asyncio.to_thread(config_path.read_text, "utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Permanent(f"the configuration cannot be read: {error}") from error
        if len(text.encode()) > COMMAND_REPLY_BYTES:
            raise Permanent(f"the configuration has more than {COMMAND_REPLY_BYTES} bytes, which no reply can hold")
        return {"sha256_in_force": gateway.site.sha256, "error": gateway.config_error, "file": text}

    async def diag() -> object:
        """The daemon as a whole, the end of the audit log, and what became of commands so far."""
        n, head = await gateway.store.audit_head()
        return {
            "status": await status(Call("status", {}, PLATFORM, may_write=False)),
            "audit": {"rows": n, "head": head},
            "commands": dict(gateway.commander.counts),
        }

    async def restart() -> object:
        """Told first, done then: the answer must get out."""
        asyncio.get_running_loop().call_later(RESTART_AFTER_S, stop)
        return {"stops_in_s": RESTART_AFTER_S}

    return {CommandName.CONFIG_GET: config_get, CommandName.DIAG: diag, CommandName.RESTART: restart}
