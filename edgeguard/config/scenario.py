"""A scenario file of the simulator: what goes wrong, and when, as TOML. Names of targets and kinds are checked by the simulator."""

from dataclasses import dataclass
from pathlib import Path

from edgeguard.config.document import read_document
from edgeguard.config.fields import AlarmDelay, LabelsTable, Line
from edgeguard.config.mistakes import Table
from edgeguard.config.rows import table_rows
from edgeguard.core.limits import SCENARIO_MAX_FAULTS
from edgeguard.core.point import Labels


class FaultTable(Table):
    """One `[[fault]]`. Times count from the start of the simulation, in simulated time."""

    target: Line
    kind: Line
    at: AlarmDelay = 0
    lasts: AlarmDelay | None = None
    text: LabelsTable | None = None


class ScenarioTable(Table):
    """What stands above the faults."""

    repeat: AlarmDelay | None = None


@dataclass(frozen=True, slots=True)
class ScenarioFault:
    """`target` gets `kind` at `at_s`, for `for_s` seconds if that is given. `text` is what a person who watches is told."""

    target: str
    kind: str
    at_s: float
    for_s: float | None
    text: Labels | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Faults to come; after `repeat_s` they begin anew."""

    faults: tuple[ScenarioFault, ...] = ()
    repeat_s: float | None = None


def load_scenario(path: Path) -> Scenario:
    """The file at `path`. ConfigError with every mistake in it."""
    document = read_document(path)
    mistakes = document.mistakes
    head = mistakes.examine(ScenarioTable, {key: value for key, value in document.data.items() if key != "fault"}, ())
    faults = []
    for i, row in table_rows(document.data, "fault", mistakes, SCENARIO_MAX_FAULTS):
        raw = mistakes.examine(FaultTable, row, ("fault", i))
        if raw is None:
            continue
        text = None if raw.text is None else Labels(raw.text.zh, raw.text.en)
        faults.append(ScenarioFault(raw.target, raw.kind, raw.at / 1000.0, None if raw.lasts is None else raw.lasts / 1000.0, text))
    if head is not None and head.repeat == 0:
        mistakes.add(("repeat",), "must be longer than 0")
    mistakes.raise_if_any()
    return Scenario(tuple(faults), None if head is None or head.repeat is None else head.repeat / 1000.0)
