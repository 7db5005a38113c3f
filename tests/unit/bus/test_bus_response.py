"""Response times over a bounded window."""

from edgeguard.bus import ResponseTimes
from edgeguard.core.limits import RESPONSE_WINDOW


def of(*seconds: float) -> ResponseTimes:
    times = ResponseTimes()
    for response_s in seconds:
        times.note(response_s)
    return times


def test_quantiles() -> None:
    assert ResponseTimes().quantile_s(0.5) == 0.0
    hundred = of(*(i / 100 for i in range(100)))
    assert [hundred.quantile_s(share) for share in (0.0, 0.5, 0.95, 1.0)] == [0.0, 0.5, 0.95, 0.99]


def test_only_the_latest_count() -> None:
    assert of(*[9.0] * 500, *[0.01] * RESPONSE_WINDOW).quantile_s(1.0) == 0.01
