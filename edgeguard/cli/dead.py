"""`outbox dead`: items that the broker refused for good. Each function returns an exit code."""

import sys
from collections.abc import Sequence

import typer

from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, counted, word
from edgeguard.cli.wire import somebody_is_here
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.methods import Method
from edgeguard.control.views import CountView
from edgeguard.core.limits import DEAD_LETTERS_SHOWN

_BODY_CHARS = 160


def show(session: Session) -> Exit:
    """The list."""
    letters = call(session.socket, methods.DEAD)
    if session.json:
        print_json(letters)
        return Exit.FINE
    lang = session.lang
    if not letters:
        console().print(lang.say("没有被拒收的数据", "nothing was refused"))
        return Exit.FINE
    columns = lang.say(("编号", "流", "序号", "时间", "原因", "内容"), ("id", "stream", "number", "taken", "reason", "item"))
    grid = table(*columns, right=(columns[0], columns[2]), wrap=columns[4:])
    for one in letters:
        cells = (str(one.id), word(one.stream, lang), str(one.seq), one.at, clean(one.reason), clean(one.body, _BODY_CHARS))
        grid.add_row(*cells)
    console().print(grid)
    return Exit.FINE


def retry(session: Session, ids: Sequence[str]) -> Exit:
    """Send again."""
    return _do(session, methods.RETRY_DEAD, ids, ("{} 条将重新发送", "{} will be sent again"))


def drop(session: Session, ids: Sequence[str], yes: bool) -> Exit:
    """Forget, after asking."""
    if not yes:
        if session.json or not somebody_is_here():
            raise typer.BadParameter("nobody is here to be asked; --yes drops without asking")
        if not typer.confirm(session.lang.say("永久删除?", "Forget them for good?"), default=False):
            return Exit.WRONG
    return _do(session, methods.DROP_DEAD, ids, ("已删除 {} 条", "forgotten: {}"))


def _do(session: Session, method: Method[CountView], ids: Sequence[str], words: tuple[str, str]) -> Exit:
    """What is named and not there is said, and 2 returned; the others are done all the same."""
    lang, unknown = session.lang, _unknown(session, ids)
    done = call(session.socket, method, {"ids": list(ids), "by": author()})
    if session.json:
        print_json({"count": done.count, "unknown": unknown})
    else:
        items = str(done.count) if lang is Lang.ZH else counted(done.count, "item")
        console().print(lang.say(*words).format(items))
    if unknown:
        named = ", ".join(clean(one, 40) for one in unknown)
        told = lang.say(
            f"没有这样的编号:{named};查看:edgeguard outbox dead list", f"there is no {named}; see: edgeguard outbox dead list"
        )
        sys.stderr.write(f"edgeguard: {told}\n")
        return Exit.BAD_USAGE
    return Exit.FINE if not ids or done.count else Exit.WRONG


def _unknown(session: Session, ids: Sequence[str]) -> list[str]:
    """Which of the ids name nothing; none of them where more letters lie there than can be listed."""
    if not ids:
        return []
    letters = call(session.socket, methods.DEAD)
    there = {str(letter.id) for letter in letters}
    return [] if len(letters) >= DEAD_LETTERS_SHOWN else [one for one in dict.fromkeys(ids) if one.lstrip("0") not in there]
