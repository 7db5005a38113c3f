"""`audit`: the record of what people and the platform had done, read beside the daemon or without it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson
import typer

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean, word
from edgeguard.store import AuditRow, read_audit, verify_audit

_DETAIL_CHARS = 200
_DEEDS_ZH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "write": "写入",
        "ack": "确认报警",
        "shelve": "搁置报警",
        "unshelve": "取消搁置",
        "set-time": "广播校时",
        "outbox.retry": "重发被拒数据",
        "outbox.drop": "删除被拒数据",
        "backup": "备份",
        "restore": "恢复",
        "erase": "删除个人数据",
    }
)
"""What people do, for people; what is not here keeps the name that the platform knows it by."""


def show(session: Session, directory: Path, count: int) -> Exit:
    """The newest rows, newest last."""
    rows = read_audit(directory, count)
    if session.json:
        print_json([{"n": row.n, "hash": row.hash.hex(), **_body(row)} for row in rows])
        return Exit.FINE
    lang = session.lang
    columns = lang.say(("编号", "时间", "谁", "操作", "结果", "详情"), ("n", "time", "who", "what", "result", "detail"))
    grid = table(*columns, right=columns[:1], wrap=columns[5:])
    for row in rows:
        body = _body(row)
        name = str(body.get("command") or body.get("name") or "?")
        what = lang.say(_DEEDS_ZH.get(name, name), name)
        result = body.get("state") or body.get("result") or ""
        mark = "" if body.get("synced") else lang.say(" (时钟未同步)", " (clock unsynced)")
        cells = (str(row.n), clean(str(body.get("at", ""))) + mark, clean(str(body.get("by", ""))), clean(what))
        grid.add_row(*cells, lang.say(word(str(result), lang), clean(str(result))), clean(_detail(body), _DETAIL_CHARS))
    console().print(grid)
    return Exit.FINE


def verify(session: Session, directory: Path, head: str | None) -> Exit:
    """The whole chain, and whether an end of it that was noted earlier is still part of it."""
    noted = None if head is None else head_of(head)
    verdict = verify_audit(directory, noted)
    if session.json:
        print_json(asdict(verdict))
    elif verdict.broken is not None:
        row, reason = verdict.broken, verdict.reason
        words = session.lang.say(f"✗ 第 {row} 条起不可信:{reason}", f"✗ broken from row {row} on: {reason}")
        console().print(styled(words, "bold red"))
        if verdict.also:
            rest = ", ".join(map(str, verdict.also))
            console().print(session.lang.say(f"另外不符的记录: {rest}", f"rows besides that do not fit: {rest}"))
    else:
        rows = verdict.last - verdict.first + 1
        zh, en = f"✓ {rows} 条记录完整", f"✓ {rows} rows, none changed, none missing"
        console().print(styled(session.lang.say(zh, en), "bold green"))
        console().print(f"--head {verdict.last}:{verdict.head}")
    return Exit.FINE if verdict.broken is None else Exit.WRONG


def head_of(text: str) -> tuple[int, bytes]:
    """An end of the log that somebody noted, `N:HASH`; a bad parameter if it is none."""
    number, _, digest = text.partition(":")
    try:
        return int(number), bytes.fromhex(digest)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not N:HASH, as `edgeguard audit verify` prints it") from None


def _body(row: AuditRow) -> Mapping[str, Any]:
    """A row as an object; one that was tampered with may be anything."""
    try:
        body = orjson.loads(row.body)
    except orjson.JSONDecodeError:
        return {"unreadable": row.body.hex()}
    return body if isinstance(body, dict) else {"unreadable": row.body.hex()}


def _detail(body: Mapping[str, Any]) -> str:
    keys = ("id", "target", "value", "old", "read_back", "args", "detail", "broken", "reason", "aside", "error", "unreadable")
    shown = {key: body[key] for key in keys if body.get(key) is not None}
    return " ".join(f"{key}={orjson.dumps(value).decode()}" for key, value in shown.items())
