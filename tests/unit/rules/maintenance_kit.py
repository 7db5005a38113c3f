"""Days of a device for tests of its maintenance: a quantity that is read eight times a day, and a state that lives through them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName
from edgeguard.core.maintenance import HintKind, Usage
from edgeguard.core.point import Labels, Outcome
from edgeguard.rules.gauge import Bound, Gauge
from edgeguard.rules.hints import HintNews
from edgeguard.rules.maintenance import DAY_MS, CareState, DeviceCare, Interval, step
from edgeguard.rules.sights import Amount, AtRest, Counter, Memory, Round

FIRST_DAY = 20_454
HOUR_MS = 3_600_000
DEVICE = DeviceName("pump-1")
QUANTITY = Gauge(
    "quantity-pressure", HintKind.QUANTITY, Labels("压力", "Pressure"), "bar", 2, AtRest(Amount(0)), Bound(share=0.5), fewest=6
)  # fmt: skip
HOURS = Interval(Usage.RUN_HOURS, 1000.0, Counter(Amount(1)), modulus=65_536.0)
CARE = DeviceCare(DEVICE, (QUANTITY,), (HOURS,))


class Life:
    """A device whose days pass: `told` has the day (from the first) and the news of each hint."""

    def __init__(self, care: DeviceCare = CARE, state: CareState | None = None) -> None:
        self.care = care
        self.state = CareState() if state is None else state
        self.memory: tuple[Memory, ...] = ()
        self.told: list[tuple[int, str, HintNews]] = []
        self.kept = 0
        self.boot = BootId("b1")
        self.before_ms: int | None = None
        self.wrong_days = 0
        """How far the wall clock is ahead, in whole days."""

    def round(self, wall_ms: int, outcomes: Sequence[Outcome], boot_ms: int | None = None, synced: bool = True) -> None:
        """One poll round."""
        shown_ms = wall_ms + self.wrong_days * DAY_MS
        now = Stamp(shown_ms, wall_ms - FIRST_DAY * DAY_MS if boot_ms is None else boot_ms, self.boot, synced)
        seen = Round(outcomes, outcomes, now.boot_ms, self.before_ms)
        self.before_ms = now.boot_ms
        self.state, self.memory, news = step(self.care, self.state, self.memory, seen, now)
        self.kept += news.keep
        self.told += [(wall_ms // DAY_MS - FIRST_DAY, name, one) for name, one in news.news]

    def days(
        self, first: int, last: int, value: Callable[[int], Outcome], hours: Callable[[int], Outcome] = lambda hour: hour
    ) -> None:
        """Days `first` to `last` (not included), a round each three hours. `value` by day, `hours` by hour since the first day."""
        for hour in range(first * 24, last * 24, 3):
            self.round(FIRST_DAY * DAY_MS + hour * HOUR_MS + 60_000, (value(hour // 24), hours(hour)))

    def restart(self, state: CareState | None = None) -> None:
        """The process begins anew with what was kept."""
        self.state = replace(self.state if state is None else state, boot="", kept_ms=None)
        self.memory, self.before_ms = (), None

    def names(self) -> list[tuple[str, str]]:
        """Which hint was told how."""
        return [(name, news.telling.value) for _, name, news in self.told]


def wavering(day: int) -> float:
    """Four bar, give or take a little, the same each time."""
    return 4.0 + 0.02 * ((day * 7) % 5 - 2)


def growing(onset: int, per_day: float) -> Callable[[int], Outcome]:
    """The same, but for what it grows by after `onset`."""
    return lambda day: wavering(day) + per_day * max(0, day - onset)
