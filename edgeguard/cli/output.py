"""Where commands print: tables for people, JSON for programs, one sentence for trouble."""

import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgeguard.cli.rows import Rows
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean, clean_json
from edgeguard.control.errors import CallRefused, DaemonSilent, UnknownName, code_of
from edgeguard.core.errors import ConfigError, EdgeguardError, NothingThere
from edgeguard.core.printable import spelled_name

PIPE_CELLS: Final = 160
_KINDS_ZH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "daemon-silent": "守护进程无应答",
        "unknown-name": "没有这个名称",
        "unknown-method": "守护进程版本不支持",
        "bad-arguments": "参数错误",
        "bad-request": "请求错误",
        "not-allowed": "没有权限",
        "overloaded": "守护进程繁忙",
        "handler-timeout": "处理超时,结果未知",
        "answer-too-large": "结果过大",
        "internal-error": "守护进程内部错误",
        "release-refused": "发布包未通过验证",
        "write-refused": "写入被拒绝",
        "write-unverified": "写入未能确认",
        "exchange-failed": "设备通信失败",
        "store-error": "存储故障",
        "permanent": "无法执行",
        "retryable": "暂时无法执行",
    }
)
"""What kind of trouble an error is, before its own sentence, which is English."""
_BAD_CONFIGURATION: Final = "config-error"
"""What the daemon answers for a ConfigError; its message has a line for each mistake."""


def console() -> Console:
    """Standard output: colours on a terminal unless NO_COLOR is set, no guesses about what texts mean.

    Where it is no terminal lines are long, so that what is searched for with grep is not broken in two.
    """
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPE_CELLS
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False, width=width)


def print_json(value: object, indent: bool | None = None) -> None:
    """`value` (views, dicts, tuples) as one JSON document; indented on a terminal."""
    pretty = sys.stdout.isatty() if indent is None else indent
    option = orjson.OPT_INDENT_2 if pretty else None
    try:
        text = orjson.dumps(value, option=option).decode()
    except orjson.JSONEncodeError:
        text = orjson.dumps(_with_spelled_names(value), option=option).decode()
    sys.stdout.write(clean_json(text) + "\n")
    sys.stdout.flush()


def _with_spelled_names(value: object) -> object:
    """The same with every text in UTF-8: names of files are bytes, and may be anything."""
    match value:
        case str():
            return spelled_name(value)
        case dict():
            return {key: _with_spelled_names(one) for key, one in value.items()}
        case list() | tuple():
            return [_with_spelled_names(one) for one in value]
        case _:
            return value


def table(*columns: str, right: Sequence[str] = (), wrap: Sequence[str] = ()) -> Table:
    """An empty table without frames, which reads well and survives a narrow terminal (see `Rows`).

    `right` columns hold figures; only `wrap` columns are broken into lines, names and figures stay whole.
    """
    made = Rows(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for name in columns:
        made.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name not in wrap,
            overflow="fold" if name in wrap else "ellipsis",
        )
    return made


def styled(text: str, style: str) -> Text:
    """A cell in a colour."""
    return Text(text, style=style)


def tell_error(session: Session, error: EdgeguardError) -> Exit:
    """Print what went wrong and return the exit code it stands for."""
    code = error.code if isinstance(error, CallRefused) else code_of(error)
    if session.json:
        print_json({"error": {"code": code, "message": str(error)}})
    is_list = isinstance(error, ConfigError) or code == _BAD_CONFIGURATION
    kind = session.lang.say(f"{_KINDS_ZH[code]}:" if code in _KINDS_ZH else "", "")
    elsewhere = (
        session.lang.say("；--directory 指定另一个状态目录", "; --directory names another one")
        if isinstance(error, NothingThere)
        else ""
    )
    for line in str(error).splitlines() if is_list else [f"edgeguard: {kind}{error}{elsewhere}"]:
        sys.stderr.write(clean(line, 4000) + "\n")
    return _exit_of(error)


def _exit_of(error: EdgeguardError) -> Exit:
    match error:
        case DaemonSilent():
            return Exit.SILENT
        case ConfigError() | UnknownName():
            return Exit.BAD_USAGE
        case CallRefused(code="unknown-name" | "bad-arguments" | "config-error"):
            return Exit.BAD_USAGE
        case _:
            return Exit.WRONG
