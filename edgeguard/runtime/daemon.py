"""The process: starts the essential tier, listens to signals, keeps house once a second, and stops within five seconds.

Essential are the store and the control socket: if one fails the process ends and systemd starts it again.
"""

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from edgeguard import __version__
from edgeguard.camera.shipped import model_marks
from edgeguard.config import SAMPLE, load_site
from edgeguard.control import ControlServer
from edgeguard.core.alarm import AlarmState
from edgeguard.core.clock import Clock
from edgeguard.core.errors import ConfigError, EdgeguardError, StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId
from edgeguard.core.limits import HOUSEKEEPING_S, REMEMBER_WITHIN_S, UPLINK_GOODBYE_S
from edgeguard.core.point import Labels
from edgeguard.core.site import Site
from edgeguard.rules.thinning import Extremes
from edgeguard.runtime.clock import SystemClock
from edgeguard.runtime.commander import OWNER as UNDER_WAY
from edgeguard.runtime.config_put import ConfigPut
from edgeguard.runtime.gates import OWNER as GATES
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.handlers import Handlers
from edgeguard.runtime.history_rate import OWNER, HistoryRate
from edgeguard.runtime.leaving import Leaving
from edgeguard.runtime.log import configure_log
from edgeguard.runtime.notify import Notifier
from edgeguard.runtime.pass_traces import traces_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.progress import stuck
from edgeguard.runtime.reloading import Reloader
from edgeguard.runtime.site_files import InForce, SiteFiles, Trial
from edgeguard.runtime.specials import special_commands
from edgeguard.runtime.starting import Starting
from edgeguard.runtime.timewatch import TimeWatch
from edgeguard.store import StateLock, Store, TrendStore

_log = structlog.get_logger()
_STARTED = Labels(
    zh="网关程序已启动:此前未结束的故障不再有结束事件,再次遇到时会重新上报;数据丢失的记录仍然有效",
    en="the daemon has started: trouble of before gets no end any more, and is told anew where it is met again; losses stay losses",
)

RELOADER = "reloader"
MEMORY = "learned"
RATES = "rates"
COMMANDS = "commands"
CERTIFICATES = "certificates"
REACTIONS = "reactions"
ERASING = "erasing"
KEEPER = "gatekeeper"


def run(config_path: Path) -> int:
    """Load, lock, serve until SIGTERM or SIGINT. Exit code: 0 stopped as asked, 1 failed, 2 bad configuration."""
    # Until there is a reloader a hang-up is nothing to die of.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    files = SiteFiles(config_path)
    try:
        own = load_site(config_path)
    except ConfigError as error:
        sys.stderr.write("".join(f"{mistake}\n" for mistake in error.mistakes))
        return 2
    if own.sample:
        sys.stderr.write(f"{config_path}: gateway.sample: {SAMPLE}\n")
        return 2
    configure_log(own.log)
    notifier = Notifier.from_environment()
    starting = Starting(notifier)
    starting.at(f"the lock of {own.store.directory}")
    try:
        lock = StateLock.acquire(Path(own.store.directory))
    except EdgeguardError as error:
        _log.error("daemon.refused", error=str(error))
        return 1
    try:
        starting.at("what the platform has put")
        in_force, cut_off = _in_force(files, own)
        configure_log(in_force.site.log)
        asyncio.run(Daemon(in_force, files, SystemClock(), notifier, Leaving(), starting, cut_off).main())
    except (EdgeguardError, ExceptionGroup) as error:
        expected = isinstance(error, EdgeguardError)
        _log.error("daemon.failed", error=str(error), exc_info=None if expected else error)
        return 1
    finally:
        starting.done()
        lock.release()
    return 0


def _in_force(files: SiteFiles, own: Site) -> tuple[InForce, Trial | None]:
    """What to run with, and the trial of a configuration that this start has ended."""
    try:
        cut_off = files.roll_back(own)
        return files.load(), cut_off
    except ConfigError as error:
        return InForce(own, own, f"the file was changed while the daemon started: {error.mistakes[0]}"), None
    except OSError as error:
        # What is on trial cannot be taken back on a disk that takes nothing; the person's own file is always safe to run with.
        return InForce(own, own, f"what the platform has put is left out: {error}"), None


class Daemon:
    """One run of the gateway: `main` returns when it has been told to stop and nothing is left undone.

    `cut_off`: the trial of a configuration that the end of the run before has cut off.
    """

    def __init__(
        self,
        in_force: InForce,
        files: SiteFiles,
        clock: Clock,
        notifier: Notifier,
        leaving: Leaving,
        starting: Starting,
        cut_off: Trial | None = None,
    ) -> None:
        self._in_force = in_force
        self._site = in_force.site
        self._files = files
        self._cut_off = cut_off
        self._states: dict[str, dict[str, bytes]] = {}
        self._unknown = False
        """The store could not say at the start what it has kept."""
        self._clock = clock
        self._notifier = notifier
        self._leaving = leaving
        self._starting = starting
        self._stop = asyncio.Event()
        self._time = TimeWatch()
        self._offsets = asyncio.Queue[tuple[BootId, int | None]]()
        self._early: list[Health] = []
        self._pipeline: Pipeline | None = None
        self._late: tuple[str, ...] = ()

    async def main(self) -> None:
        """Open the store, serve, stop in order: whoever may ask for something, polls, uplink, store."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        self._starting.at(f"the outbox in {self._site.store.directory}")
        store = await Store.open(self._site.store, self._clock, self._hear, survey=Extremes)
        try:
            self._starting.at("the devices, the cameras and the control socket")
            self._pipeline = pipeline = Pipeline(store, self._clock)
            store.on_new_epoch(pipeline.keep_alarms)
            # First of all: what it tells after this is new.
            pipeline.health(Health("daemon", "started", ok=True, text=_STARTED, detail=f"version {__version__}"))
            for news in self._early:
                pipeline.health(news)
            history = TrendStore(Path(self._site.store.directory), self._site.history, self._clock, self._hear)
            gateway = Gateway(self._site, store, pipeline, self._clock, random.SystemRandom(), history)
            gateway.take_origin(self._in_force.own, self._in_force.note)
            gateway.models = await asyncio.to_thread(model_marks)
            self._states = states = await self._known_states(store, gateway)
            rate = HistoryRate(gateway)
            rate.recall(states.get(OWNER, {}))
            store.on_new_epoch(rate.keep)
            gateway.start(await store.load_alarms(), states)
            store.on_new_epoch(gateway.rates.apart.set)
            await self._serve(gateway, states.get(REACTIONS, {}))
        finally:
            await store.close()
        _log.info("daemon.stopped")

    def _end(self) -> None:
        self._leaving.begin()
        self._stop.set()

    async def _known_states(self, store: Store, gateway: Gateway) -> dict[str, dict[str, bytes]]:
        """What the families of rules remembered; nothing while the store cannot say it, and the rates ask again."""
        try:
            return await store.load_states()
        except StoreError as error:
            _log.warning("states.unknown", error=str(error))
            self._unknown = True
            gateway.rates.apart.set()
            return {}

    async def _serve(self, gateway: Gateway, reactions: Mapping[str, bytes]) -> None:
        """The essential tier: any of its members failing ends them all. `reactions`: what these remember."""
        reloader = Reloader(gateway, self._files, self._notifier)
        gateway.supervisor.start(RELOADER, reloader.run)
        gateway.supervisor.start(MEMORY, gateway.keep_remembering)
        gateway.supervisor.start(RATES, gateway.keep_rates)
        gateway.supervisor.start(CERTIFICATES, gateway.look_at_certificates)
        handlers = Handlers(gateway, self._files.path, reloader.reload)
        self._start_gates(gateway, handlers)
        config = ConfigPut(gateway, self._files, reloader.reload)
        special = special_commands(gateway, config, handlers.status, self._end)
        gateway.commander.equip(handlers.table(), special, handlers.at_gates.commands())
        if self._cut_off is not None:
            config.tell_cut_off(self._cut_off)
        trial = "" if self._cut_off is None else self._cut_off.command_id
        gateway.commander.end_cut_off(self._states.get(UNDER_WAY, {}), besides=trial)
        gateway.supervisor.start(COMMANDS, gateway.commander.run)
        handlers.reacting.load(reactions)
        gateway.store.on_new_epoch(handlers.reacting.keep)
        gateway.supervisor.start(REACTIONS, handlers.reacting.run)
        gateway.supervisor.start(ERASING, handlers.erasing.run)
        control = ControlServer(
            Path(self._site.control.socket),
            handlers.table(),
            operators=self._site.control.operators,
            on_refused=gateway.refusals.peer,
        )
        await control.open()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.wish)
        async with asyncio.TaskGroup() as essential:
            members = [
                essential.create_task(gateway.store.run(), name="store"),
                essential.create_task(control.serve(), name="control"),
                essential.create_task(self._keep_house(gateway), name="housekeeping"),
                essential.create_task(self._set_offsets(gateway.store), name="clock"),
            ]
            self._starting.done()
            self._notifier.send("READY=1", f"STATUS=polling {len(self._site.devices)} devices")
            _log.info("daemon.started", version=__version__, site=self._site.site, gateway=self._site.gateway)
            await self._stop.wait()
            self._notifier.send("STOPPING=1", "STATUS=stopping")
            _log.info("daemon.stopping")
            await control.close()
            await gateway.supervisor.stop(RELOADER)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REMEMBER_WITHIN_S):
                    await gateway.remember()
            await gateway.supervisor.stop(COMMANDS)
            await gateway.supervisor.stop(KEEPER)
            await gateway.supervisor.stop(REACTIONS)
            await gateway.stop(UPLINK_GOODBYE_S)
            for member in members:
                member.cancel()

    def _start_gates(self, gateway: Gateway, handlers: Handlers) -> None:
        """Barriers, and whoever decides at them, with what earlier runs have kept."""
        gates, keeper = handlers.gates, handlers.keeper
        gates.recall(self._states.get(GATES, {}))
        keeper.recall(None if self._unknown else self._states)
        gateway.store.on_new_epoch(gates.keep)
        gateway.store.on_new_epoch(keeper.keep)
        gateway.cameras.on_read = keeper.see
        gateway.on_erased.append(keeper.forget)
        gateway.aliases.append(keeper.aliases)
        gateway.aliases.append(traces_of(lambda: gateway.site.cameras, Path(gateway.site.store.directory)))
        gateway.supervisor.start(GATES, gates.run)
        gateway.supervisor.start(KEEPER, keeper.run)

    async def _keep_house(self, gateway: Gateway) -> None:
        """Once a second: delays and staleness, the clock, the status line, the watchdog."""
        while True:
            gateway.pipeline.sweep()
            gateway.field.look()
            gateway.cameras.look()
            gateway.refusals.look()
            news = self._time.look(self._clock.now())
            if news.health is not None:
                gateway.pipeline.health(news.health)
            if news.doubtful:
                self._offsets.put_nowait((self._clock.now().boot, None))
            if news.boot_offset_ms is not None:
                self._offsets.put_nowait((self._clock.now().boot, news.boot_offset_ms))
                if gateway.history is not None:
                    gateway.history.set_boot_offset(self._clock.now().boot, news.boot_offset_ms)
            self._tell_systemd(gateway)
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _set_offsets(self, store: Store) -> None:
        """What is known of the clock, to the outbox: by itself, since a disk that does not answer must hold up nothing else."""
        while True:
            await store.set_boot_offset(*await self._offsets.get())

    def _tell_systemd(self, gateway: Gateway) -> None:
        records = gateway.pipeline.records.values()
        silent = sum(1 for record in records if record.at is not None and not record.answered)
        standing = gateway.pipeline.alarm_counts()[AlarmState.ACTIVE]
        link = "none" if gateway.uplink is None else gateway.uplink.view.state
        self._notifier.status(f"{len(records)} devices, {silent} silent; {standing} active alarms; uplink {link}")
        late = stuck(asyncio.get_running_loop().time(), gateway.poll_figures(), gateway.beats_s())
        if not late:
            self._notifier.send("WATCHDOG=1")
        elif not self._late:
            _log.error("watchdog.starving", stuck=late)
        self._late = late

    def _hear(self, news: Health) -> None:
        """The store's health sink: it may speak before there is a pipeline."""
        if self._pipeline is None:
            self._early.append(news)
        else:
            self._pipeline.health(news)
