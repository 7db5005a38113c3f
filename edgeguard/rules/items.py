"""Outputs of the rules as items: the JSON bodies of the three streams, as the platform reads them."""

from collections.abc import Sequence

import orjson

from edgeguard.core.alarm import WITHHELD, AlarmChange
from edgeguard.core.alarm_limits import ALARM_REASON_CHARS
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.health import Health
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.core.item import Item, Stream
from edgeguard.core.limits import COMMAND_DETAIL_CHARS, ITEM_MAX_BYTES
from edgeguard.core.point import Outcome, Point, Value
from edgeguard.core.quality import Fault


def telemetry_items(
    device: DeviceName, at: Stamp, points: tuple[Point, ...], outcomes: tuple[Outcome, ...], told: Sequence[int]
) -> list[Item]:
    """`{"device":…,"values":{point:value},"bad":{point:reason}}`; `bad` is left out when empty.

    One item, unless it would be larger than ITEM_MAX_BYTES: then as many as it takes, each with a part of the points.
    """
    values: dict[str, Value] = {}
    bad: dict[str, str] = {}
    for index in told:
        outcome = outcomes[index]
        if isinstance(outcome, Fault):
            bad[points[index].name] = outcome.reason.value
        else:
            values[points[index].name] = outcome
    body: dict[str, object] = {"device": device, "values": values}
    if bad:
        body["bad"] = bad
    encoded = orjson.dumps(body)
    if len(encoded) <= ITEM_MAX_BYTES or len(told) == 1:
        return [Item(Stream.TELEMETRY, at, encoded)]
    half = len(told) // 2
    return [item for part in (told[:half], told[half:]) for item in telemetry_items(device, at, points, outcomes, part)]


def alarm_item(change: AlarmChange) -> Item:
    """`{"alarm":…,"device":…,"state":…,"severity":…,"value":…,"limit":…,"text":{"zh":…,"en":…}}`, and what else there is to say.

    `device` is left out of alarms of a bus, the site and the gateway. Only where it is so: `first_out`, `latched`, `escalated`
    (all true), `suppressed` (how many alarms this one keeps back), and of what is withheld `by`, `reason`, `until`, `beneath`.
    """
    rule = change.rule
    body = {
        "alarm": rule.name,
        **({} if rule.common else {"device": rule.device}),
        "state": change.state.value,
        "severity": change.severity.value,
        "value": change.value,
        "limit": rule.limit,
        "text": {"zh": rule.text.zh, "en": rule.text.en},
        **_marks(change),
    }
    return Item(Stream.ALARMS, change.at, orjson.dumps(body))


def _marks(change: AlarmChange) -> dict[str, bool | int | str]:
    alarm = change.alarm
    marks: dict[str, bool | int | str] = {"first_out": alarm.first_out, "latched": alarm.gone, "escalated": alarm.escalated}
    marks["suppressed"] = change.suppressed
    if alarm.beneath is not None and change.state in WITHHELD:
        marks["beneath"] = alarm.beneath.value
        if (hold := alarm.reason) is not None:
            marks |= {"by": hold.by, "reason": hold.reason[:ALARM_REASON_CHARS]}
            marks["until"] = "" if hold.until_ms is None else iso_utc(hold.until_ms)
    return {key: value for key, value in marks.items() if value}


def retired_alarm_item(name: AlarmName, at: Stamp) -> Item:
    """Closes an alarm that stood when its definition was taken out of the configuration."""
    body = {
        "alarm": name,
        "device": name.partition(".")[0],
        "state": "normal",
        "severity": "info",
        "value": None,
        "limit": None,
        "text": {"zh": "该告警已从配置中移除", "en": "the alarm was removed from the configuration"},
    }
    return Item(Stream.ALARMS, at, orjson.dumps(body))


def health_item(health: Health, at: Stamp) -> Item:
    """`{"type":"health","source":…,"code":…,"ok":…,"text":{…},"detail":…}`, and `frames` where there are any."""
    body: dict[str, object] = {
        "type": "health",
        "source": health.source,
        "code": health.code,
        "ok": health.ok,
        "text": {"zh": health.text.zh, "en": health.text.en},
        "detail": health.detail,
    }
    if health.frames:
        body["frames"] = health.frames
    return Item(Stream.EVENTS, at, orjson.dumps(body))


def command_item(
    name: str,
    target: str,
    at: Stamp,
    by: str,
    result: str,
    value: Value | None = None,
    read_back: Value | None = None,
    old: Value | None = None,
    detail: str = "",
) -> Item:
    """What a person did: `{"type":"command","name":"write","target":…,"value":…,"by":…,"result":…,"read_back":…,"old":…}`.

    `result` of a write is accepted (recorded before the device is touched), then a word of core.fate, or failed if it could not
    be recorded; `detail`, left out when empty, says in words by which rule it was refused or what is not as it should be.
    """
    body: dict[str, object] = {
        "type": "command",
        "name": name,
        "target": target,
        "value": value,
        "by": by,
        "result": result,
        "read_back": read_back,
        "old": old,
    }
    if detail:
        body["detail"] = detail[:COMMAND_DETAIL_CHARS]
    return Item(Stream.EVENTS, at, orjson.dumps(body))
