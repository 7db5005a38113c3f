"""How a residential building lives through a day: 24 figures, one per full hour, straight lines between them."""

DAY_S = 86_400.0
HOUR_S = 3600.0

Hourly = tuple[float, ...]
"""24 figures; figure h holds at h o'clock."""


def by_hour(figures: Hourly, time_s: float) -> float:
    """The figure at `time_s` seconds after midnight; days repeat."""
    hour, part = divmod((time_s % DAY_S) / HOUR_S, 1.0)
    here = int(hour) % 24
    return figures[here] + (figures[(here + 1) % 24] - figures[here]) * part
