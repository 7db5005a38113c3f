"""`config.put`: a whole configuration from the platform, examined, put on trial, and taken back by itself if it cuts us off.

The order makes it safe: nothing is written before every check has passed; the trial is durable before the new file is in
force; and what ends a trial well is seen here, on this gateway, while a crash or a power cut at any moment ends it badly, so that
the next start brings the old one back. What the platform may change at all: config.change.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import structlog

from edgeguard.config.change import differences, forbidden
from edgeguard.config.grounds import shaken
from edgeguard.control import Call
from edgeguard.control.command_views import ConfigPutView, ConfigView
from edgeguard.core.afar_limits import CONFIG_STEADY_S
from edgeguard.core.command import Command, CommandName, Outcome, ReplyTo
from edgeguard.core.errors import CommandRefused, ConfigError, EdgeguardError, Permanent, RolledBack, StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import BusName
from edgeguard.core.limits import AUDIT_WITHIN_S
from edgeguard.core.point import Labels
from edgeguard.core.site import Site
from edgeguard.rules.items import command_item
from edgeguard.runtime.commander import CommandCall
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.site_files import SiteFiles, Trial
from edgeguard.store import Batch, audit_body

_log = structlog.get_logger()

Reload = Callable[[], Awaitable[str]]
_BY: Final = "platform"
_LOOK_S: Final = 0.25
_MISTAKES_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class _Standing:
    """What worked before: buses on which a device answered, and whether the platform was there."""

    buses: frozenset[BusName]
    online: bool


class ConfigPut:
    """One trial at a time."""

    def __init__(self, gateway: Gateway, files: SiteFiles, reload: Reload) -> None:
        self._gateway = gateway
        self._files = files
        self._reload = reload
        self._on_trial = False

    async def get(self, _: Call) -> ConfigView:
        """The configuration in force, with the hash that a `put` has to name. Secrets are never in it."""
        gateway = self._gateway
        try:
            text = await asyncio.to_thread(_read, gateway.site)
        except (OSError, UnicodeDecodeError) as error:
            raise Permanent(f"the configuration cannot be read: {error}") from error
        source = "trial" if self._on_trial else "file" if gateway.site.sha256 == gateway.own.sha256 else "platform"
        return ConfigView(gateway.site.sha256, gateway.config_error, text, source)

    async def put(self, call: Call) -> ConfigPutView:
        """Examine, try, keep. CommandRefused if nothing was tried, RolledBack if it was and did not work."""
        assert isinstance(call, CommandCall)  # noqa: S101 (it is no method of the control socket)
        if self._on_trial:
            raise CommandRefused("busy", "another configuration is on trial")
        self._on_trial = True
        try:
            return await self._put(call.text("file"), call.text("base"), call.command)
        finally:
            self._on_trial = False

    async def _put(self, text: str, base: str, command: Command) -> ConfigPutView:
        gateway = self._gateway
        if base != gateway.site.sha256:
            raise CommandRefused("conflict", f"it was made from another configuration than the one in force, {gateway.site.sha256}")
        site, changed = await self._examine(text)
        correlation = command.reply_to.correlation or b""
        trial = Trial(
            command_id=command.id,
            reply_topic=command.reply_to.topic,
            correlation=correlation.hex(),
            sha256=site.sha256,
            before=gateway.site.sha256,
            kept=gateway.site.sha256 != gateway.own.sha256,
        )
        await self._record(trial, changed)
        before = self._standing()
        gateway.commander.leave_to_start(command)
        try:
            await asyncio.to_thread(self._files.begin, gateway.own, trial, text)
        except OSError as error:
            await asyncio.to_thread(self._undo, trial)
            why = f"the disk does not take it: {error.strerror or error}"
            self._tell_untried(trial, why)
            raise CommandRefused("not-written", why) from error
        why = await self._try(before, trial)
        if why:
            await self._take_back(trial, why)
        try:
            await asyncio.to_thread(self._files.settle, gateway.own)
        except OSError as error:
            # Left so, the next start would take it back, long after it was called done.
            await self._take_back(trial, f"the disk does not take that it stays: {error.strerror or error}")
        self._tell(trial, Outcome.DONE)
        silent = sorted(str(bus.name) for bus in gateway.site.buses if bus.name not in self._standing().buses)
        return ConfigPutView(site.sha256, changed, tuple(name for name in silent if BusName(name) not in before.buses))

    # -- before -------------------------------------------------------------------------------------------------------

    async def _examine(self, text: str) -> tuple[Site, tuple[str, ...]]:
        """The new site and what it changes; CommandRefused with every reason not to try it."""
        gateway = self._gateway
        try:
            draft = await asyncio.to_thread(self._files.draft, gateway.own, text)
            site = await asyncio.to_thread(self._files.examine, gateway.own, draft)
            gateway.refuse_if_restart_needed(site)
            old, new, own = [await asyncio.to_thread(self._files.document, one) for one in (gateway.site, site, gateway.own)]
        except ConfigError as error:
            told = error.mistakes[:_MISTAKES_TOLD]
            more = len(error.mistakes) - len(told)
            raise CommandRefused("config-wrong", "; ".join(told) + (f"; and {more} more" if more else "")) from None
        except OSError as error:
            raise CommandRefused("not-written", f"the disk does not take it: {error.strerror or error}") from error
        if own.sha256 != gateway.own.sha256:
            raise CommandRefused("conflict", "the file on the gateway has been changed, and not been taken up yet")
        may_change = gateway.own.commands.may_change
        wrong = (*forbidden(own.data, new.data, may_change), *shaken(gateway.own, site, may_change))
        if wrong:
            raise CommandRefused("change-forbidden", "; ".join(wrong[:_MISTAKES_TOLD]))
        return site, differences(old.data, new.data)

    async def _record(self, trial: Trial, changed: tuple[str, ...]) -> None:
        """What will change, on record before anything does. CommandRefused if the disk does not take it."""
        now = self._gateway.clock.now()
        told = {"command": CommandName.CONFIG_PUT, "id": trial.command_id, "by": _BY, "before": trial.before}
        body = orjson.dumps({**told, "sha256": trial.sha256, "changed": changed, "state": "trial"})
        item = command_item(CommandName.CONFIG_PUT, trial.sha256, now, _BY, "accepted", old=trial.before)
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await self._gateway.store.put(Batch((item,), audit=(audit_body(now, body),)))
        except (StoreError, TimeoutError, asyncio.CancelledError) as error:
            # What was given up may become durable yet: its end follows on its heels.
            self._tell_untried(trial, "it could not be put on record in time")
            if isinstance(error, asyncio.CancelledError):
                raise
            raise CommandRefused("not-recorded", f"nothing was changed, because nobody would know: {error}") from error

    def _standing(self) -> _Standing:
        gateway = self._gateway
        answering = {record.spec.bus for record in gateway.pipeline.records.values() if record.answered}
        online = gateway.uplink is not None and gateway.uplink.view.state == "online"
        return _Standing(frozenset(answering), online)

    # -- the trial ----------------------------------------------------------------------------------------------------

    async def _try(self, before: _Standing, trial: Trial) -> str:
        """Apply it and watch; why it does not do, empty if it does."""
        loop = asyncio.get_running_loop()
        try:
            await self._reload()
        except EdgeguardError as error:
            return f"it could not be applied: {error}"
        trial_s = self._gateway.site.commands.config_trial_ms / 1000
        steady_s = min(CONFIG_STEADY_S, trial_s / 4)
        until_s = loop.time() + trial_s
        well_since_s: float | None = None
        while True:
            lacking = self._lacking(before)
            now_s = loop.time()
            well_since_s = None if lacking else now_s if well_since_s is None else well_since_s
            if self._gateway.site.sha256 != trial.sha256:
                return "the file on the gateway was changed meanwhile"
            if well_since_s is not None and now_s - well_since_s >= steady_s:
                return ""
            if now_s >= until_s:
                return f"{lacking or 'it was not steady'} within {trial_s:g} s"
            await asyncio.sleep(_LOOK_S)

    def _lacking(self, before: _Standing) -> str:
        """What worked before and does not now, in words; buses that are there no more are not missed."""
        now = self._standing()
        if not now.online:
            return "the platform could not be reached"
        names = {bus.name for bus in self._gateway.site.buses}
        with_devices = {device.bus for device in self._gateway.site.devices}
        silent = sorted((before.buses & names & with_devices) - now.buses)
        return f"no device answered on {', '.join(silent)}" if silent else ""

    async def _take_back(self, trial: Trial, why: str) -> None:
        """Bring the old one back; raises RolledBack, or EdgeguardError if the disk does not even take that."""
        undone = await asyncio.to_thread(self._undo, trial)
        try:
            await self._reload()
        except EdgeguardError as error:
            why = f"{why}; and the one before cannot be taken up: {error}"
        if not undone:
            why = f"{why}; the disk does not take the one before either: the new one stays until the next start, which tries again"
            self._tell(trial, Outcome.FAILED, why)
            raise EdgeguardError(why)
        self._tell(trial, Outcome.ROLLED_BACK, why)
        raise RolledBack(why)

    def _undo(self, trial: Trial) -> bool:
        """Whether the files are as they were before the trial."""
        try:
            self._files.roll_back(self._gateway.own, trial)
        except OSError as error:
            # The trial's record still lies there, so that the next start tries again.
            _log.error("config.stays", error=str(error))
            return False
        return True

    def tell_cut_off(self, trial: Trial) -> None:
        """The start of the daemon has ended a trial: on record, and to whoever had asked for it."""
        why = "the gateway was started anew during the trial"
        self._tell(trial, Outcome.ROLLED_BACK, why)
        if trial.command_id and trial.reply_topic:
            reply_to = ReplyTo(trial.reply_topic, bytes.fromhex(trial.correlation) or None)
            command = Command(CommandName.CONFIG_PUT, trial.command_id, 0, 0, {}, reply_to)
            self._gateway.commander.end_later(command, Outcome.ROLLED_BACK, why)

    def _tell_untried(self, trial: Trial, why: str) -> None:
        """It is on record as accepted, and came to nothing before anything was changed."""
        now = self._gateway.clock.now()
        self._gateway.pipeline.emit(
            command_item(CommandName.CONFIG_PUT, trial.sha256, now, _BY, Outcome.REFUSED, old=trial.before, detail=why)
        )

    def _tell(self, trial: Trial, result: Outcome, why: str = "") -> None:
        pipeline, now = self._gateway.pipeline, self._gateway.clock.now()
        pipeline.emit(command_item(CommandName.CONFIG_PUT, trial.sha256, now, _BY, result, old=trial.before, detail=why))
        if result is Outcome.ROLLED_BACK:
            zh, en = "平台下发的配置试用失败,已恢复原配置", "the configuration put by the platform did not work: taken back"
            pipeline.health(Health("config", "rolled-back", ok=False, text=Labels(zh, en), detail=why))
        elif result is Outcome.FAILED:
            zh, en = (
                "平台下发的配置试用失败,且无法恢复",
                "the configuration put by the platform did not work, and cannot be taken back",
            )
            pipeline.health(Health("config", "not-taken-back", ok=False, text=Labels(zh, en), detail=why))


def _read(site: Site) -> str:
    return Path(site.source).read_text("utf-8")
