"""In which order to ask: what is most likely for the least time first, and what was heard changes what is likely. Pure.

Two things are not known: whether anybody speaks a protocol at certain line settings (a group), and at which address. Each group
has a weight, the probability that somebody does; each question in it has the probability that somebody is at its address if so.
The next question is the one with the largest product per second of its cost: to ask in the order of probability over cost makes
the expected sum of the times at which things are found as small as it can be (Smith's rule). Silence lowers the weight of its
group by Bayes' rule; an answer makes it certain, makes the neighbouring addresses more likely, and the same settings for the
other protocols.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edgeguard.core.limits import SCAN_NETWORK_PATIENCE_S
from edgeguard.core.line import LineSettings, Parity, Protocol, Station
from edgeguard.core.meter import CJT188_EVERYBODY, DLT645_EVERYBODY
from edgeguard.discovery.duration import ask_s, call_s, look_s

Group = tuple[Protocol, LineSettings | None]

_SHARED_LINE: Final = 0.5
_NEIGHBOUR: Final = 0.4
_METERS_ANSWER: Final = 0.95
MODBUS_UNITS: Final = range(1, 248)

LIKELY_LINES: Final[Mapping[Protocol, Mapping[str, float]]] = MappingProxyType(
    {
        Protocol.MODBUS: {
            "9600N": 0.45,
            "9600E": 0.15,
            "19200N": 0.10,
            "19200E": 0.08,
            "4800N": 0.08,
            "2400N": 0.05,
            "115200N": 0.05,
            "38400N": 0.04,
            "2400E": 0.03,
            "9600O": 0.02,
        },
        Protocol.DLT645: {"2400E": 0.45, "9600E": 0.15, "4800E": 0.10, "1200E": 0.10, "9600N": 0.05, "19200E": 0.03},
        Protocol.CJT188: {"2400E": 0.40, "9600E": 0.08, "9600N": 0.08, "4800E": 0.05, "1200E": 0.05},
    }
)
"""How often devices of the field are set so. Rough figures: they decide the order, and nothing is left out for them."""
_OTHER_LINE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Question:
    """One request that somebody may answer. `likely`: the probability of an answer if the group is inhabited."""

    protocol: Protocol
    line: LineSettings | None
    station: Station
    variant: str = ""
    likely: float = 0.01
    cost_s: float = 0.1

    @property
    def group(self) -> Group:
        """Protocol and line settings."""
        return self.protocol, self.line


class _Open:
    """The open questions of one group, by station and variant; `order` has the best one last."""

    def __init__(self, weight: float, questions: Iterable[Question]) -> None:
        self.weight = weight
        ranked = sorted(questions, key=lambda question: -question.likely / question.cost_s)
        self.questions = {(question.station, question.variant): question for question in ranked}
        self.order = ranked[::-1]
        self.boosted: dict[tuple[Station, str], float] = {}
        self.devices = sum(question.likely for question in ranked)
        """How many will answer, if anybody does."""
        self.look_s = look_s(ranked[0].protocol, ranked[0].line) if ranked else 0.0

    def likely(self, question: Question) -> float:
        return max(question.likely, self.boosted.get((question.station, question.variant), 0.0))

    def best(self) -> Question:
        while (self.order[-1].station, self.order[-1].variant) not in self.questions:
            self.order.pop()
        near = (self.questions[key] for key in self.boosted if key in self.questions)
        return max((self.order[-1], *near), key=lambda question: self.likely(question) / question.cost_s)


class Walk:
    """Questions not yet asked. `weights` are the groups' at the beginning; `next` takes the best one out."""

    def __init__(self, questions: Iterable[Question], weights: Mapping[Group, float]) -> None:
        by_group: dict[Group, list[Question]] = {}
        for question in questions:
            by_group.setdefault(question.group, []).append(question)
        self._groups = {group: _Open(weights.get(group, _OTHER_LINE), of) for group, of in by_group.items()}
        self.rest_s = sum(question.cost_s for of in by_group.values() for question in of)
        self.left = sum(len(of) for of in by_group.values())

    @property
    def looks_s(self) -> float:
        """What it is likely to take to look closer at those who are still to be found."""
        return sum(group.weight * group.devices * group.look_s for group in self._groups.values())

    @property
    def look_range_s(self) -> tuple[float, float]:
        """The shortest and the longest that looking at one device takes, of those that may be found."""
        looks = [group.look_s for group in self._groups.values() if group.questions]
        return (min(looks), max(looks)) if looks else (0.0, 0.0)

    def next(self) -> Question | None:
        """The question that is most likely to be answered for its cost; None when all have been asked."""
        best: tuple[float, Question] | None = None
        for group in self._groups.values():
            if group.questions:
                question = group.best()
                worth = group.weight * group.likely(question) / question.cost_s
                if best is None or worth > best[0]:
                    best = (worth, question)
        if best is None:
            return None
        self._take(best[1])
        return best[1]

    def silent(self, question: Question) -> None:
        """Nobody answered: perhaps nobody is there at all."""
        group = self._groups[question.group]
        likely = group.likely(question)
        group.weight = group.weight * (1 - likely) / max(1 - group.weight * likely, 1e-9)

    def heard(self, question: Question) -> None:
        """Somebody answered: others are likely nearby, and on the same line in other protocols."""
        self.neighbours(question.group, question.station)
        for (_, line), other in self._groups.items():
            if line == question.line:
                other.weight = max(other.weight, _SHARED_LINE)
        self._groups[question.group].weight = 1.0

    def neighbours(self, group: Group, station: Station) -> None:
        """Units next to one that is there are often there, too."""
        if isinstance(station, int) and group in self._groups:
            for near in (station - 1, station + 1, station + 2):
                self._groups[group].boosted[near, ""] = _NEIGHBOUR

    def drop(self, station: Station, protocol: Protocol) -> None:
        """Do not ask for this one any more: it is known."""
        for (spoken, _), group in self._groups.items():
            if spoken is protocol:
                for question in [q for q in group.questions.values() if q.station == station]:
                    self._take(question)

    def drop_group(self, group: Group) -> None:
        """Ask nothing more of a group."""
        for question in list(self._groups[group].questions.values()) if group in self._groups else ():
            self._take(question)

    def _take(self, question: Question) -> None:
        group = self._groups[question.group]
        del group.questions[question.station, question.variant]
        group.devices = max(0.0, group.devices - question.likely)
        self.rest_s -= question.cost_s
        self.left -= 1


def line_walk(
    lines: Mapping[Protocol, Sequence[LineSettings]],
    units: Iterable[int] = MODBUS_UNITS,
    settled: Sequence[LineSettings] = (),
) -> Walk:
    """A serial line: Modbus units one by one, meters by wildcards. `settled`: settings that the line is known to be used at."""
    units = tuple(units)
    questions: list[Question] = []
    weights: dict[Group, float] = {}
    for protocol, choices in lines.items():
        for line in dict.fromkeys(choices):
            likely = LIKELY_LINES[protocol].get(f"{line.baudrate}{line.parity.value}", _OTHER_LINE)
            weights[protocol, line] = max(likely, _SHARED_LINE if line in settled else 0.0)
            questions += _modbus(line, units) if protocol is Protocol.MODBUS else _meters(protocol, line)
    return Walk(questions, weights)


def network_walk(units: Iterable[int] = (*MODBUS_UNITS, 255, 0)) -> Walk:
    """The units behind a Modbus TCP endpoint."""
    questions = [Question(Protocol.MODBUS, None, unit, "", _likely_unit(unit), SCAN_NETWORK_PATIENCE_S) for unit in units]
    return Walk(questions, {(Protocol.MODBUS, None): 0.9})


def likely_lines(
    protocols: Iterable[Protocol], baudrates: Sequence[int] = (), parities: Sequence[Parity] = ()
) -> dict[Protocol, list[LineSettings]]:
    """The settings to try: those of the field, or every pair of what is given."""
    chosen: dict[Protocol, list[LineSettings]] = {}
    for protocol in protocols:
        usual = [_line(name) for name in LIKELY_LINES[protocol]]
        if baudrates:
            usual = [LineSettings(rate, parity) for rate in baudrates for parity in (Parity.NONE, Parity.EVEN)]
        if parities:
            rates = dict.fromkeys(line.baudrate for line in usual)
            usual = [LineSettings(rate, parity) for rate in rates for parity in parities]
        chosen[protocol] = usual
    return chosen


def _line(name: str) -> LineSettings:
    return LineSettings(int(name[:-1]), Parity(name[-1]))


def _modbus(line: LineSettings, units: Iterable[int]) -> Iterator[Question]:
    cost_s = ask_s(line)
    for unit in units:
        yield Question(Protocol.MODBUS, line, unit, "", _likely_unit(unit), cost_s)


def _likely_unit(unit: int) -> float:
    """People count from 1; meters are often delivered with the last digits of their number."""
    if unit == 1:
        return 0.5
    if unit <= 10:
        return 0.2
    if unit <= 32:
        return 0.06
    return 0.02 if unit <= 100 else 0.01


def _meters(protocol: Protocol, line: LineSettings) -> Iterator[Question]:
    """By wildcards: everybody answers who can."""
    cost_s = call_s(protocol, line)
    everybody = DLT645_EVERYBODY if protocol is Protocol.DLT645 else CJT188_EVERYBODY
    first, second = ("2007", "1997") if protocol is Protocol.DLT645 else ("1F90", "901F")
    yield Question(protocol, line, everybody, first, _METERS_ANSWER, cost_s)
    yield Question(protocol, line, everybody, second, _METERS_ANSWER / 3, cost_s)
