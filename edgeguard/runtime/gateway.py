"""The composition root: one gateway put together from a site, changed by a reload, taken apart in order.

Essential parts (store, control socket) are made by the daemon; this holds what can come and go: field and uplink.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from edgeguard import __version__
from edgeguard.core.afar_limits import CERTIFICATE_LOOK_S
from edgeguard.core.alarm import Alarm
from edgeguard.core.camera import ModelMark
from edgeguard.core.clock import Clock
from edgeguard.core.command import ReplyTo
from edgeguard.core.errors import ConfigError, StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import AlarmName
from edgeguard.core.limits import LEARNED_KEPT_S, STATES_AGAIN_S
from edgeguard.core.point import Labels
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.alarm_memory import OWNER as ALARMS
from edgeguard.runtime.camera_watch import CameraWatch
from edgeguard.runtime.cameras import Cameras
from edgeguard.runtime.certificate_watch import CertificateWatch
from edgeguard.runtime.commander import Commander
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.field import Field, Unit, UnitSpec, unit_specs
from edgeguard.runtime.limits_memory import FILE_NAME, LimitsMemory
from edgeguard.runtime.output_watch import OutputWatch
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.poller import PollFigures
from edgeguard.runtime.rates_kept import OWNER, RatesKept
from edgeguard.runtime.refusals import Refusals
from edgeguard.runtime.supervisor import Supervisor
from edgeguard.runtime.watches import Watch
from edgeguard.store import Batch, Store, TrendStore
from edgeguard.uplink import Uplink, build_catalog
from edgeguard.uplink.certificates import Held, Role, held_certificates

_log = structlog.get_logger()

UPLINK = "uplink"

HISTORY = "history"


class Gateway:
    """Everything that serves one site. `config_error` says why the last reload was refused."""

    def __init__(
        self,
        site: Site,
        store: Store,
        pipeline: Pipeline,
        clock: Clock,
        entropy: random.Random,
        history: TrendStore | None = None,
    ) -> None:
        self.site = site
        self.store = store
        self.pipeline = pipeline
        self.clock = clock
        self.supervisor = Supervisor(pipeline.health, entropy)
        self.memory = LimitsMemory(Path(site.store.directory) / FILE_NAME, pipeline.health)
        self.history = history
        self.field = Field(self.supervisor, clock, self._take, entropy, tell=pipeline.health, recall=self.memory.recall)
        self.cameras = Cameras(self.supervisor, pipeline, store, clock)
        self.uplink: Uplink | None = None
        self.config_error = ""
        self.rates = RatesKept(clock)
        self.models: tuple[ModelMark, ...] = ()
        """The models on this gateway, as they were found at the start."""
        self.own = site
        """What the person's file says; `site` differs from it while a configuration put by the platform is in force."""
        self.chosen_history_rate: float | None = None
        """What the platform has chosen in the place of what the configuration says."""
        self.on_erased: list[Callable[[str], None]] = []
        """Who remembers texts that stand for residents, and forgets one when it has been erased."""
        self.aliases: list[Callable[[str], tuple[str, ...]]] = []
        """Under which other texts the same resident may stand in the store: a plate as its keyed hash."""
        self.certificates = CertificateWatch()
        self.outputs = OutputWatch()
        self.commander = Commander(store, clock, self._answer)
        self.refusals = Refusals(clock, pipeline.health)
        self.commander.on_refused = self.refusals.command
        self._entropy = entropy
        store.on_commit(self._wake_uplink)

    def start(self, known: Mapping[AlarmName, Alarm], states: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        """Begin to poll and to sync; `known` are the alarm states that the store has kept, `states` those of families of rules."""
        for device in self.site.devices:
            self.pipeline.add(device, known)
        self.pipeline.oversee(self.site.alarms, known, (states or {}).get(ALARMS, {}))
        self.pipeline.retire(known)
        self.pipeline.watch(self._families(self.site), states or {})
        self.rates.known((states or {}).get(OWNER, {}))
        for spec in unit_specs(self.site).values():
            self.field.start(spec)
        if self.history is not None:
            self.supervisor.start(HISTORY, self.history.run)
        self.cameras.start(self.site)
        self._start_uplink()

    async def reload(self, site: Site) -> None:
        """Become `site`: stop what differs, start what is new, leave the rest running. ConfigError if it needs a restart."""
        self.refuse_if_restart_needed(site)
        stop, start = self.field.differing(unit_specs(site))
        fresh = [self.field.build(spec) for spec in start]
        before, gone = self.site, [unit.spec for unit in self.field.units if unit.spec.bus.name in stop]
        known = await self._take_down(gone)
        try:
            self._put_up(site, fresh, known)
        except BaseException:
            # A bug half way: the old field is better than half of the new one.
            known |= await self._take_down([unit.spec for unit in fresh])
            self._put_up(before, [self.field.build(spec) for spec in gone], known)
            raise
        if self.history is not None:
            await self.history.become(site.history)
        await self.cameras.become(site)
        if before.uplink != site.uplink or before.commands != site.commands or UPLINK in self.supervisor.parked:
            await self._stop_uplink(timeout_s=1.0)
            self._start_uplink()
        elif self.uplink is not None:
            self.uplink.catalog_changed()
            self.uplink.look_at_credentials()
        if self.config_error:
            text = Labels(zh="新配置已生效", en="a configuration without mistakes is in force again")
            self.pipeline.health(Health("config", "applied", ok=True, text=text))
        self.config_error = ""
        _log.info("config.applied", sha256=site.sha256[:12], buses_stopped=len(stop), buses_started=len(start))

    def _families(self, site: Site) -> tuple[Watch, ...]:
        """Everything that looks at devices, and what looks at the gateway itself."""
        own = (self.certificates, self.outputs, CameraWatch(site.cameras, self.cameras.sighted), self.cameras.throws)
        return (*watches_of(site), *own)

    async def _take_down(self, units: Sequence[UnitSpec]) -> dict[AlarmName, Alarm]:
        """Stop these and forget their devices; their alarm states."""
        names = [spec.bus.name for spec in units]
        await self.field.stop(names)
        known: dict[AlarmName, Alarm] = {}
        for device in (device for spec in units for device in spec.devices):
            if device.name in self.pipeline.records:
                known |= self.pipeline.remove(device.name)
        return known

    def _put_up(self, site: Site, units: Sequence[Unit], known: Mapping[AlarmName, Alarm]) -> None:
        """Begin with these and become `site`."""
        for unit in units:
            for device in unit.spec.devices:
                self.pipeline.add(device, known)
        self.pipeline.order(device.name for device in site.devices)
        self.pipeline.oversee(site.alarms)
        self.pipeline.watch(self._families(site))
        for unit in units:
            self.field.begin(unit)
        self.site = site
        self.pipeline.retire(known)

    def choose_history_rate(self, items_per_s: float | None) -> None:
        """How fast history goes from now on; None: as the configuration says."""
        self.chosen_history_rate = items_per_s
        if self.uplink is not None and self.site.uplink is not None:
            self.uplink.set_history_rate(self.site.uplink.history_items_per_s if items_per_s is None else items_per_s)

    def take_origin(self, own: Site, note: str) -> None:
        """What the person's file says, beside what is in force; `note` tells of a put configuration that was set aside."""
        self.own = own
        if note:
            text = Labels(zh="平台下发的配置已搁置", en="the configuration that the platform had put is set aside")
            self.pipeline.health(Health("config", "set-aside", ok=False, text=text, detail=note))

    def refuse(self, error: ConfigError) -> None:
        """A reload was wrong: the old configuration stays, and everybody hears of it."""
        self.config_error = "; ".join(error.mistakes)
        text = Labels(zh="新配置有误,继续使用旧配置", en="the new configuration is wrong; the old one stays in force")
        self.pipeline.health(Health("config", "refused", ok=False, text=text, detail=self.config_error[:2000]))

    async def remember(self) -> None:
        """Write what the devices have taught, if it is news."""
        await self.memory.keep([poller.device for poller in self.field.pollers.values()])

    async def look_at_certificates(self) -> None:
        """See how long the uplink's certificates are good, for ever."""
        while True:
            spec, uplink = self.site.uplink, self.uplink
            if spec is not None and spec.tls:
                held = await asyncio.to_thread(held_certificates, spec)
                shown = None if uplink is None else uplink.broker_certificate
                if spec is self.site.uplink:
                    self.certificates.held = (*held, *(() if shown is None else (Held(Role.BROKER, shown),)))
            await asyncio.sleep(CERTIFICATE_LOOK_S)

    async def keep_remembering(self) -> None:
        """Write it now and then, until cancelled."""
        while True:
            await asyncio.sleep(LEARNED_KEPT_S)
            await self.remember()

    async def stop(self, uplink_timeout_s: float) -> None:
        """Stop polling first, then let the uplink say goodbye. Cameras end beside both: a process that writes its last evidence
        takes seconds on a busy machine, and what it still sees it tells after the next start."""
        cameras = asyncio.create_task(self.cameras.stop(), name="cameras stop")
        await self.field.stop_all()
        await asyncio.gather(self._stop_uplink(uplink_timeout_s), self._close_history(), cameras)
        await self.supervisor.stop_all()

    async def keep_rates(self) -> None:
        """Whenever the store has begun a new file, or found its own at last, put together what both remember, until cancelled.

        What cannot be read yet is asked for again: a limit must not begin anew because a disk was busy.
        """
        while True:
            await self.rates.apart.wait()
            self.rates.apart.clear()
            try:
                states = await self.store.load_states()
            except StoreError:
                self.rates.apart.set()
                await asyncio.sleep(STATES_AGAIN_S)
                continue
            self.rates.known(states.get(OWNER, {}))
            self.store.submit(Batch((), states=self.rates.states()))

    async def _close_history(self) -> None:
        """While the uplink says goodbye: stopping has few seconds for everything."""
        await self.supervisor.stop(HISTORY)
        if self.history is not None:
            await self.history.close()

    def poll_figures(self) -> dict[str, PollFigures]:
        """Live figures of every poller that is not parked, by the name of its child."""
        parked = self.supervisor.parked
        named = {f"device.{name}": poller.figures for name, poller in self.field.pollers.items()}
        return {name: figures for name, figures in named.items() if name not in parked}

    def beats_s(self) -> dict[str, float]:
        """Loop time of the last step of the store's writer and of the uplink's sync loop, once they have taken one."""
        beats = {"store": self.store.beat_s}
        if self.uplink is not None:
            beats[UPLINK] = self.uplink.beat_s
        parked = self.supervisor.parked
        return {name: beat_s for name, beat_s in beats.items() if beat_s and name not in parked}

    def _take(self, snapshot: Snapshot) -> None:
        self.pipeline.take(snapshot)
        if self.history is not None:
            self.history.take(snapshot)

    def _wake_uplink(self) -> None:
        if self.uplink is not None:
            self.uplink.wake()

    def _answer(self, reply_to: ReplyTo, payload: bytes) -> bool:
        return self.uplink is not None and self.uplink.answer(reply_to, payload)

    def _start_uplink(self) -> None:
        self.commander.allowed = self.site.commands.allow
        if self.site.uplink is None:
            return
        self.uplink = Uplink(
            self.site.uplink,
            self.site.site,
            self.site.gateway,
            __version__,
            self.store,
            self.clock,
            lambda: build_catalog(self.site, __version__, self.models),
            self.pipeline.health,
            self._entropy,
            commands=self.commander.take if self.site.commands.allow else None,
        )
        self.choose_history_rate(self.chosen_history_rate)
        self.supervisor.start(UPLINK, self.uplink.run)

    async def _stop_uplink(self, timeout_s: float) -> None:
        uplink, self.uplink = self.uplink, None
        if uplink is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await uplink.close(timeout_s)
        await self.supervisor.stop(UPLINK)

    def refuse_if_restart_needed(self, site: Site) -> None:
        """ConfigError that names what a running daemon cannot change."""
        old = self.site
        changed = [
            name
            for name, differs in (
                ("gateway.site", site.site != old.site),
                ("gateway.id", site.gateway != old.gateway),
                ("store", site.store != old.store),
                ("control", site.control != old.control),
            )
            if differs
        ]
        if changed:
            where = ", ".join(changed)
            raise ConfigError((f"{site.source}: {where}: cannot change while running; restart edgeguard to apply it",))
