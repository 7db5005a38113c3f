"""`simulate`: stands in for a building's devices on real wires, so that people and programs can practise without hardware.

While it runs it takes commands, one a line: faults to bring about and to make good, plugs to pull, time to hasten.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
import typer

from edgeguard.cli.output import print_json
from edgeguard.cli.session import Exit, Lang
from edgeguard.cli.text import clean
from edgeguard.config import load_site
from edgeguard.config.scenario import Scenario, load_scenario
from edgeguard.core.errors import Permanent
from edgeguard.core.limits import SIMULATE_LINE_BYTES, SIMULATE_PACE_MAX
from edgeguard.core.site import Site
from edgeguard.simulator.faults import Fault, Faults, kind_of, parse_fault
from edgeguard.simulator.papers import Papers
from edgeguard.simulator.pty_line import out_of_reach, precise_loop
from edgeguard.simulator.site import Serving, SimulatedSite

COMMANDS: Final = ("TARGET KIND [SECONDS]", "TARGET well", "TARGET", "status", "pace N", "quit", "help")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    site: Path
    seed: int = 1
    any_port: bool = False
    host: str = "127.0.0.1"
    pty_dir: Path | None = None
    echo: bool = False
    faults: tuple[str, ...] = ()
    scenario: Path | None = None
    pace: float = 1.0
    seconds: float | None = None
    tls_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class BusPlace:
    """One bus as it is served: `where` is what a gateway's configuration names."""

    bus: str
    where: str
    plugged: bool
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Now:
    """What `--json` prints at the start and for `status`. `bad`: faults at work, by target."""

    seed: int
    elapsed_s: float
    pace: float
    buses: tuple[BusPlace, ...]
    bad: dict[str, tuple[str, ...]]


def simulate(wanted: Wanted, json: bool, lang: Lang) -> Exit:
    """Serve until quit, Ctrl-C, SIGTERM or the end of `seconds`."""
    papers = Papers(wanted.tls_dir) if wanted.tls_dir else None
    if papers is not None:
        papers.make(wanted.host)
    site = load_site(wanted.site)
    scenario = load_scenario(wanted.scenario) if wanted.scenario else Scenario()
    coming = (*scenario_faults(scenario), *_faults_of(wanted.faults))
    _hush()
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        return runner.run(_Show(wanted, json, lang).run(site, coming, scenario.repeat_s, papers))


def _faults_of(written: Sequence[str]) -> tuple[Fault, ...]:
    try:
        return tuple(parse_fault(one) for one in written)
    except Permanent as error:
        raise typer.BadParameter(str(error), param_hint="'--fault'") from error


def scenario_faults(scenario: Scenario) -> tuple[Fault, ...]:
    """The faults of a scenario file; Permanent for a kind that there is not."""
    return tuple(Fault(one.target, kind_of(one.kind), one.at_s, one.for_s, one.text) for one in scenario.faults)


class _Show:
    """One run of the command."""

    def __init__(self, wanted: Wanted, json: bool, lang: Lang) -> None:
        self._wanted = wanted
        self._json = json
        self._lang = lang
        self._over = asyncio.Event()

    async def run(self, site: Site, coming: Sequence[Fault], repeat_s: float | None, papers: Papers | None) -> Exit:
        wanted = self._wanted
        serving = Serving(wanted.host, wanted.any_port, pty_dir=wanted.pty_dir, echo=wanted.echo, papers=papers)
        house = SimulatedSite(site, wanted.seed, serving, pace=wanted.pace)
        # what is written wrongly shows before anything is opened; faults of buses can only begin once these are
        try:
            faults = Faults(house, coming, repeat_s)
        except Permanent as error:
            raise typer.BadParameter(str(error), param_hint="'--fault' or '--scenario'") from error
        async with house:
            faults.look()
            self._warn(site)
            self._tell(house, faults)
            with self._told_to_stop(), self._commanded(house, faults), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wanted.seconds):
                    await self._over.wait()
        return Exit.FINE

    def _warn(self, site: Site) -> None:
        """Of what cannot be practised here."""
        for bus in site.buses:
            lines = {str(one.name): one.line or bus.line for one in site.devices if one.bus == bus.name}
            if bus.wire.is_port and (names := out_of_reach(bus.line, lines)):
                listed = ", ".join(names)
                zh = f"! {bus.name}: {listed} 不会应答:伪终端不保留奇偶校验,同一波特率的其他设备用的是另一种;请为其改用别的波特率"
                en = f"! {bus.name}: nobody can reach {listed}: a pseudo-terminal keeps no parity, and others at the same baud rate"
                en += " have another one; give these another baud rate"
                sys.stderr.write(self._lang.say(zh, en) + "\n")

    def _tell(self, house: SimulatedSite, faults: Faults) -> None:
        now = _now(house, faults)
        if self._json:
            print_json(now, indent=False)
            return
        for place in now.buses:
            pulled = "" if place.plugged else self._lang.say(" (已拔出)", " (unplugged)")
            sys.stdout.write(f"{place.bus:<12} {place.where}{pulled}   {', '.join(place.devices)}\n")
        for target, kinds in now.bad.items():
            sys.stdout.write(self._lang.say(f"故障: {target}: ", f"bad: {target}: ") + ", ".join(kinds) + "\n")
        sys.stdout.flush()

    def _obey(self, house: SimulatedSite, faults: Faults, line: str) -> None:
        """One command; what is wrong with it is said, and nothing else happens."""
        words = line.split()
        try:
            match words:
                case []:
                    return
                case ["quit" | "exit"]:
                    self._over.set()
                case ["help"]:
                    sys.stdout.write("\n".join(COMMANDS) + "\n")
                case ["status"]:
                    self._tell(house, faults)
                case ["pace", number]:
                    house.pace = _number(number, SIMULATE_PACE_MAX)
                case [target]:
                    sys.stdout.write(f"{target}: {', '.join(faults.possible(target))}\n")
                case [target, kind]:
                    faults.begin(Fault(target, kind_of(kind)))
                case [target, kind, seconds]:
                    faults.for_a_while(Fault(target, kind_of(kind), for_s=_number(seconds, 1e9)))
                case _:
                    sys.stderr.write(self._lang.say("看不懂;输入 help\n", "that is no command; type help\n"))
        except Permanent as error:
            sys.stderr.write(clean(str(error), SIMULATE_LINE_BYTES) + "\n")
        sys.stdout.flush()
        sys.stderr.flush()

    @contextlib.contextmanager
    def _commanded(self, house: SimulatedSite, faults: Faults) -> Iterator[None]:
        """Lines of standard input are commands while this lasts; its end means nothing, as with a service's /dev/null."""
        reading = asyncio.get_running_loop().create_task(self._read(house, faults))
        try:
            yield
        finally:
            reading.cancel()

    async def _read(self, house: SimulatedSite, faults: Faults) -> None:
        reader = asyncio.StreamReader(SIMULATE_LINE_BYTES)
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        except (OSError, ValueError):
            # a regular file, or nothing at all
            return
        with contextlib.suppress(ValueError):
            while line := await reader.readline():
                self._obey(house, faults, line.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def _told_to_stop(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self._over.set)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def _now(house: SimulatedSite, faults: Faults) -> Now:
    buses = tuple(
        BusPlace(name, bus.where, bus.plugged, tuple(device.name for device in house.devices_on(name)))
        for name, bus in house.buses.items()
    )
    bad = {target: tuple(kind.value for kind in kinds) for target, kinds in faults.bad.items()}
    return Now(house.seed, round(house.elapsed_s, 1), house.pace, buses, bad)


def _number(written: str, most: float) -> float:
    try:
        number = float(written)
    except ValueError:
        number = -1.0
    if not 0.0 < number <= most:
        raise Permanent(f'"{written}" is no number above 0 and up to {most:g}')
    return number


def _hush() -> None:
    """The simulator's log would tear the JSON."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
