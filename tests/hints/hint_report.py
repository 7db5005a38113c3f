"""How good the maintenance hints are, on simulated devices: `python tests/hints/hint_report.py --set report`.

Two sets of seeds: `tune` is what thresholds were chosen on, `report` is what is told. Three controls stand beside the product:
one that never hints, one that always does, and one that waits until the limit is passed.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from hint_case import DEGRADATIONS, MAKES, Case, Outcome, Told, run
from hint_world import Decay

from edgeguard.rules.hints import Telling

SETS: Final = {"tune": 1000, "report": 500_000}.get
RATES: Final = (21, 35, 60, 90, 150)
"""Days from the onset to the limit."""
SHAPES: Final = ("linear", "accelerating", "step")
LEAD_DAYS: Final = 7


def failing(first_seed: int, devices: int) -> Iterator[Case]:
    """Degrading devices: every kind, at several rates, in every shape."""
    for place, (make, kind) in enumerate(DEGRADATIONS):
        for number in range(devices):
            seed = first_seed + 100 * place + number
            days = RATES[number % len(RATES)]
            shape = "linear" if kind.value == "wear" else SHAPES[(number + place) % len(SHAPES)]
            onset = 60 + 7 * (seed * 13 % 9)
            # use begins with the first day: a service interval has no other onset
            begun = 0 if kind.value == "wear" else onset
            yield Case(make, seed, onset + days + 5, kind, Decay(begun, onset + days, shape))


def healthy(first_seed: int, devices: int) -> Iterator[Case]:
    """Devices on which a year passes and nothing wears out."""
    for place, make in enumerate(MAKES):
        for number in range(devices):
            yield Case(make, first_seed + 50_000 + 100 * place + number, 365)


def repaired(first_seed: int, devices: int) -> Iterator[Case]:
    """Devices that are mended three quarters on their way, without a word to the gateway."""
    for place, (make, kind) in enumerate(DEGRADATIONS):
        for number in range(devices):
            if kind.value != "wear":
                seed = first_seed + 80_000 + 100 * place + number
                yield Case(make, seed, 75 + 45 + 30, kind, Decay(75, 75 + 60, "linear", 75 + 45))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, of one kind of degradation."""

    name: str
    devices: int
    in_time: int
    at_all: int
    leads: tuple[int, ...]
    covered: int
    dated: int
    errors: tuple[float, ...]
    beside: int

    def text(self) -> str:
        """As it is printed."""
        lead = f"{median(self.leads):4.0f} {sorted(self.leads)[len(self.leads) // 10]:4d}" if self.leads else "   -    -"
        error = f"{median(self.errors):5.1f}" if self.errors else "    -"
        covered = f"{100 * self.covered / self.dated:4.0f} %" if self.dated else "     -"
        return (
            f"{self.name:28} {self.devices:4d}  {100 * self.in_time / self.devices:5.0f} %  "
            f"{100 * self.at_all / self.devices:5.0f} %   {lead}   {self.dated:4d}  {covered}   {error}   {self.beside:4d}"
        )


HEAD: Final = (
    f"{'degradation':28} {'n':>4}  {'>= 7 d':>7}  {'ever':>7}   {'lead':>4} {'p10':>4}   "
    f"{'dated':>5} {'in CI':>6}  {'err d':>5}   {'false':>4}"
)


def row(name: str, outcomes: Sequence[Outcome]) -> Row:
    """What became of the devices of one kind. A date is judged as it stood two weeks before the limit, or when first told after."""
    leads, errors, covered, dated = [], [], 0, 0
    for outcome in outcomes:
        limit = outcome.case.limit_day
        first = outcome.right()
        if first is None:
            continue
        leads.append(limit - first.day)
        date = _date(outcome, limit)
        if date is not None and date.expected is not None and date.earliest is not None:
            dated += 1
            errors.append(abs(date.expected - limit))
            covered += date.earliest - 0.5 <= limit <= (1e9 if date.latest is None else date.latest + 0.5)
    in_time = sum(lead >= LEAD_DAYS for lead in leads)
    beside = sum(len(outcome.false()) for outcome in outcomes)
    return Row(name, len(outcomes), in_time, len(leads), tuple(leads), covered, dated, tuple(errors), beside)


def _date(outcome: Outcome, limit: int) -> Told | None:
    kind = outcome.case.kind
    mine = [
        t for t in outcome.told if kind is not None and t.name.startswith(kind.value) and t.expected is not None and t.day < limit
    ]  # fmt: skip
    early = [t for t in mine if t.day <= limit - 14]
    return early[-1] if early else mine[0] if mine else None


def never(outcome: Outcome) -> Outcome:
    """The control that says nothing."""
    return replace(outcome, told=())


def always(outcome: Outcome) -> Outcome:
    """The control that hints at everything each fortnight."""
    case = outcome.case
    name = case.kind.value if case.kind is not None else "wear"
    told = tuple(_raised(day, what) for day in range(7, case.days, 14) for what in (name, "anything-else"))
    return replace(outcome, told=told)


def late(outcome: Outcome) -> Outcome:
    """The control that waits until a day's figure is beyond the limit."""
    return replace(outcome, told=tuple(_raised(day, name) for name, day in outcome.passed))


def _raised(day: int, name: str) -> Told:
    return Told(day, name, Telling.RAISED, "drift", 0.5, None, None, None, day, "")


def table(failed: Sequence[Outcome], well: Sequence[Outcome], say: Callable[[str], None]) -> None:
    """Print what became of the devices of a set."""
    say(HEAD)
    for make, kind in DEGRADATIONS:
        of_kind = [outcome for outcome in failed if (outcome.case.make, outcome.case.kind) == (make, kind)]
        say(row(f"{make} {kind.value}", of_kind).text())
    for days in RATES:
        say(row(f"  of all, {days} days to the limit", [o for o in failed if _pace(o.case) == days]).text())
    say(row("all", failed).text())
    say("")
    say(f"{'healthy':28} {'device-years':>12}  {'false hints':>11}  {'per year':>8}")
    for make in MAKES:
        say(_healthy(make, [outcome for outcome in well if outcome.case.make == make]))
    say(_healthy("all", well))
    for outcome in well:
        for told in outcome.false():
            say(f"  {outcome.case.make} {outcome.case.seed} day {told.day}: {told.text}")


def _pace(case: Case) -> int:
    return 0 if case.decay is None else case.decay.limit - case.decay.onset


def _healthy(name: str, outcomes: Sequence[Outcome]) -> str:
    years, false = sum(o.case.days for o in outcomes) / 365, sum(len(o.false()) for o in outcomes)
    return f"{name:28} {years:12.1f}  {false:11d}  {false / years:8.2f}"


def gone(outcomes: Sequence[Outcome], say: Callable[[str], None]) -> None:
    """Print how fast hints go when the cause has gone."""
    raised = withdrawn = 0
    days: list[int] = []
    for outcome in outcomes:
        case = outcome.case
        mended = case.decay.repaired if case.decay is not None else None
        mine = [t for t in outcome.told if case.kind is not None and t.name.startswith(case.kind.value)]
        if mended is None or not any(t.telling is Telling.RAISED and t.day <= mended for t in mine):
            continue
        raised += 1
        if mine[-1].telling is Telling.WITHDRAWN:
            withdrawn += 1
            days.append(mine[-1].day - mended)
    when = f", after {median(days):.0f} days (median), {max(days)} at most" if days else ""
    say(f"devices that were mended without a word: hints {raised}, withdrawn {withdrawn}{when}")


def main() -> None:
    """Print the tables of a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=("tune", "report"), default="report")
    parser.add_argument("--devices", type=int, default=15, help="of each kind of degradation, and of each make that is well")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    first_seed = SETS(given.set) or 0
    cases = [
        *failing(first_seed, given.devices),
        *healthy(first_seed, given.devices),
        *repaired(first_seed, max(1, given.devices // 5)),
    ]
    began = time.process_time()
    with ProcessPoolExecutor(given.jobs) as pool:
        outcomes = list(pool.map(run, cases))
    failed = [o for o in outcomes if o.case.kind is not None and o.case.decay is not None and o.case.decay.repaired is None]
    well = [o for o in outcomes if o.case.kind is None]
    print(f"set {given.set}, {given.devices} devices of each kind\n")
    table(failed, well, print)
    gone([o for o in outcomes if o.case.decay is not None and o.case.decay.repaired is not None], print)
    rounds, kept = sum(o.rounds for o in outcomes), max(o.kept_bytes for o in outcomes)
    spent = time.process_time() - began + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    days = sum(o.case.days for o in outcomes)
    print(f"\n{days} days of devices, {rounds} rounds, largest state kept {kept} bytes, {spent:.0f} s of processor time")
    for name, control in (("never hints", never), ("always hints", always), ("waits for the limit", late)):
        print(f"\ncontrol: {name}")
        table([control(o) for o in failed], [control(o) for o in well], _brief)


def _brief(text: str) -> None:
    if text.startswith(("all ", "degradation", "healthy")):
        print(text)


if __name__ == "__main__":
    main()
