"""Bounds of metering: how many meters, tariffs and days, and when a reading is believed."""

from typing import Final

METER_CONFIRM_READINGS: Final = 3
"""So many readings in a row must go on from a reading that does not fit before it is believed."""
METER_READING_MAX: Final = 10**18
"""No counter shows more (in micro), nor less than the negative of it: a float may, and counts as this."""
METER_SPREAD_QUARTERS: Final = 62 * 96
"""An amount over a longer time is not divided into intervals."""
METER_UNPLACED: Final = 400
"""Amounts that wait for the clock to be set: more than four days of quarters of an hour."""
METER_DAY_EVENTS: Final = 32
METER_RUN_READINGS: Final = 1000
"""Readings of a quarter of an hour that go on one from the other wait to be counted together, and no more of them than this."""
METER_LATE_STEP_MS: Final = 300_000
"""Readings further apart tell no demand: who knows what the peak between them was."""
METERS_MAX: Final = 500
METER_REPLACEMENTS: Final = 32
METER_EXCHANGE_OFF_MS: Final = 48 * 3_600_000
"""The declared time of an exchange may be off by so much: another day, another time zone."""
METER_BREAKS: Final = 8
"""So many of the last breaks of a counter can be explained later."""
METER_LEAP_DAYS: Final = 8
"""Of so many days the largest step is remembered, for an exchange that looked like consumption."""
METER_DAYS_KEPT: Final = 800
"""Days of intervals that are kept: two years and what a comparison with the year before needs."""
BASELINE_WEEKS: Final = 6
BASELINE_LEAST: Final = 4
TARIFFS_MAX: Final = 64
TARIFF_SEASONS: Final = 24
TARIFF_WINDOWS: Final = 48
HOLIDAYS_MAX: Final = 2000
SPECIFICS_MAX: Final = 64
ZONES_MAX: Final = 64
ZONE_METERS_MAX: Final = 500
