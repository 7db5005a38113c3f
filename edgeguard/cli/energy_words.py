"""Amounts, tariff periods, incidents and verdicts in the words of people, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edgeguard.cli.session import Lang
from edgeguard.cli.text import clean
from edgeguard.core.metering import MICRO, Incident, Medium, MeterSpec
from edgeguard.rules.balance import BalanceVerdict
from edgeguard.rules.energy_items import TEXTS

_PERIODS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "sharp": ("尖", "sharp"),
        "peak": ("峰", "peak"),
        "flat": ("平", "flat"),
        "valley": ("谷", "valley"),
        "deep-valley": ("深谷", "deep valley"),
        "": ("无电价", "no tariff"),
    }
)
_VERDICTS: Final[Mapping[BalanceVerdict, tuple[str, str]]] = MappingProxyType(
    {
        BalanceVerdict.LOSS: ("分表未计部分(损耗或无分表用户)", "not behind a sub-meter: loss, or consumers without one"),
        BalanceVerdict.WITHIN: ("在仪表分辨率之内", "within what the meters can resolve"),
        BalanceVerdict.IMPOSSIBLE: (
            "分表之和大于总表,请检查接线、倍率或归属",
            "the meters behind count more: check wiring, ratio or parent",
        ),
        BalanceVerdict.UNKNOWN: ("没有全部仪表都有数据的时段", "there is no time in which all of them were measured"),
    }
)
_MEDIA: Final[Mapping[Medium, tuple[str, str]]] = MappingProxyType(
    {
        Medium.ELECTRICITY: ("电", "electricity"),
        Medium.WATER: ("水", "water"),
        Medium.HEAT: ("热", "heat"),
        Medium.GAS: ("燃气", "gas"),
        Medium.COUNT: ("计数", "count"),
    }
)


def amount_text(amount: int, meter: MeterSpec) -> str:
    """An amount without its unit, with the digits that the counter has (three at most)."""
    digits = 0
    while digits < 3 and meter.resolution % 10 ** (6 - digits):
        digits += 1
    return f"{amount / MICRO:.{digits}f}"


def medium_unit(meter: MeterSpec, lang: Lang) -> str:
    """The unit; of a count a word."""
    return meter.unit or lang.say("次", "times")


def period_words(period: str) -> tuple[str, str]:
    """A tariff period in Chinese and in English; one of the site's own as it is."""
    return _PERIODS.get(period, (clean(period, 32), clean(period, 32)))


def period_text(period: str, lang: Lang) -> str:
    """A tariff period."""
    return lang.say(*period_words(period))


def verdict_text(verdict: BalanceVerdict, lang: Lang) -> str:
    """What a balance says."""
    return lang.say(*_VERDICTS[verdict])


def medium_words(medium: Medium) -> tuple[str, str]:
    """A medium in Chinese and in English."""
    return _MEDIA[medium]


def incident_text(incident: Incident, lang: Lang) -> str:
    """What befell a counter."""
    return lang.say(TEXTS[incident].zh, TEXTS[incident].en)
