"""`backup`, `restore`, `erase`: what may be done with the outbox's file as a whole. Each function returns an exit code."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from edgeguard.cli.audit import head_of
from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, styled
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, size, word
from edgeguard.cli.wire import somebody_is_here
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.views import ErasedView
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import Epoch
from edgeguard.runtime.clock import SystemClock
from edgeguard.store import AuditCarried, Restoring, files_holding, is_gone
from edgeguard.store import backup as copy_outbox
from edgeguard.store import restore as make_outbox

_EPOCH_BYTES = 8


def backup(session: Session, file: Path, directory: Path) -> Exit:
    """Copy beside the daemon."""
    copied = copy_outbox(directory, file)
    if session.json:
        print_json(asdict(copied))
        return Exit.FINE
    zh, en = f"✓ {clean(copied.path)},{size(copied.size)}", f"✓ {clean(copied.path)}, {size(copied.size)}"
    console().print(styled(session.lang.say(zh, en), "bold green"))
    where = clean(str(directory.absolute()))
    console().print(
        session.lang.say(
            f"取自 {where} 的发件箱,纪元 {clean(copied.epoch)}", f"of the outbox in {where}, epoch {clean(copied.epoch)}"
        )
    )
    console().print(session.lang.say("待发: ", "waiting: ") + _waiting(copied.waiting, session.lang))
    if not copied.noted:
        zh = "无法记下此备份的位置: 执行 edgeguard erase 时请用 --look-in 指明"
        en = "where it lies could not be noted: name it to edgeguard erase with --look-in"
        console().print(styled(session.lang.say(zh, en), "yellow"))
    if copied.audit is not None and copied.audit.broken is not None:
        zh = f"✗ 审计日志从第 {copied.audit.broken} 条起不可信:{clean(copied.audit.reason)}"
        en = f"✗ the audit log is broken from row {copied.audit.broken} on: {clean(copied.audit.reason)}"
        console().print(styled(session.lang.say(zh, en), "bold red"))
    elif copied.audit is not None:
        noted = f"--head {copied.audit.last}:{copied.audit.head}"
        zh, en = (
            f"审计日志末尾,请另存,恢复时使用: {noted}",
            f"the end of the audit log, to keep elsewhere for the restore: {noted}",
        )
        console().print(session.lang.say(zh, en))
    return Exit.FINE


def restore(session: Session, file: Path, directory: Path, replace: bool, head: str | None = None) -> Exit:
    """Make the outbox anew from a copy; wrong if the audit log that it goes on from, or that it had before, is not as written."""
    if not file.is_file():
        raise typer.BadParameter(f"{file} is not there")
    epoch = Epoch(secrets.token_hex(_EPOCH_BYTES))
    noted = None if head is None else head_of(head)
    made = make_outbox(file, directory, Restoring(epoch, SystemClock().now(), author(), replace, noted))
    ended = Exit.FINE if made.audit.broken is None else Exit.WRONG
    if session.json:
        print_json(asdict(made))
        return ended
    lang, out = session.lang, console()
    zh, en = f"✓ 新纪元 {made.epoch},取自 {clean(made.from_epoch)}", f"✓ epoch {made.epoch}, made of {clean(made.from_epoch)}"
    out.print(styled(lang.say(zh, en), "bold green"))
    out.print(lang.say("待发: ", "waiting: ") + _waiting(made.waiting, lang))
    if made.set_aside:
        out.print(lang.say(f"原有数据库移至 {clean(made.set_aside)}", f"the outbox that was there lies in {clean(made.set_aside)}"))
    _tell_log(made.audit, lang)
    return ended


def _tell_log(audit: AuditCarried, lang: Lang) -> None:
    """Which audit log the outbox goes on from, and what is wrong with it."""
    zh, en = ("原有数据库", "of the outbox that was there") if audit.source == "replaced" else ("备份", "of the copy")
    console().print(lang.say(f"审计日志 {audit.rows} 条,取自{zh}", f"audit log: {audit.rows} rows, {en}"))
    if audit.aside:
        console().print(styled(clean(audit.aside), "yellow"))
    if audit.broken is not None:
        zh = f"✗ 审计日志从第 {audit.broken} 条起不可信:{clean(audit.reason)}。数据库已恢复,可以启动;audit verify 会一直指出此事"
        en = f"✗ an audit log is broken from row {audit.broken} on: {clean(audit.reason)}. The outbox is made and may be started; "
        console().print(styled(lang.say(zh, f"{en}`audit verify` goes on saying so"), "bold red"))


def erase(session: Session, text: str, yes: bool, places: Sequence[Path] = ()) -> Exit:
    """Through the daemon, which alone may write, after asking. `places`: where copies lie, which are looked through here."""
    lang, out = session.lang, console()
    if not yes:
        if session.json or not somebody_is_here():
            raise typer.BadParameter("nobody is here to be asked; --yes erases without asking")
        asked = lang.say("删除包含此内容的所有记录?无法恢复", "Erase everything that holds this text? It cannot be had back")
        if not typer.confirm(asked, default=False):
            return Exit.WRONG
    done = call(session.socket, methods.ERASE, {"text": text, "by": author()})
    copies, unseen = _copies_with(text.strip(), places, done.places)
    if session.json:
        told = {key: value for key, value in asdict(done).items() if key != "places"}
        print_json(told | {"copies": copies, "unseen": unseen})
    else:
        _tell_erased(done, lang)
        for names, zh, en in (
            (done.left, "✗ {} 中仍有此内容", "✗ {} still holds it"),
            (copies, "✗ 备份 {} 中仍有此内容,请删除", "✗ the copy {} still holds it: remove it"),
            (unseen, "✗ 备份 {} 现在无法查看", "✗ the copy {} cannot be looked at now"),
        ):
            for name in names:
                out.print(styled(lang.say(zh, en).format(clean(name)), "bold red"))
    return Exit.WRONG if done.left or copies or unseen else Exit.FINE


def _copies_with(text: str, places: Sequence[Path], noted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files that hold the text, in places that somebody has named or that were noted; noted places that cannot be looked at."""
    copies: list[str] = []
    unseen: list[str] = []
    for place in dict.fromkeys((*(place.absolute() for place in places), *map(Path, noted))):
        if is_gone(place):
            continue
        try:
            if not place.exists():
                raise FileNotFoundError(2, "is not there", str(place))
            copies += files_holding([place], text)
        except OSError as error:
            if str(place) not in noted:
                raise Permanent(f"{error.filename}: {error.strerror}") from error
            unseen.append(str(place))
    return list(dict.fromkeys(copies)), unseen


def _tell_erased(done: ErasedView, lang: Lang) -> None:
    out = console()
    out.print(lang.say(f"已清除 {done.rows} 条", f"{done.rows} rows are erased"))
    for count, zh, en in (
        (done.history, "历史数据:{} 个数据块已清除", "{} blocks of the history no longer hold it"),
        (done.untold, "{} 条尚未上报的识别结果已删除", "{} sightings that waited to be told are removed"),
        (done.evidence, "{} 份图像证据已删除", "{} pieces of evidence with their pictures are removed"),
        (done.quarantined, "隔离区中的 {} 个数据库已删除", "{} databases in quarantine are removed"),
        (
            done.unread,
            "另有 {} 个图像和视频文件,其中的文字无法查找: 见 edgeguard evidence list",
            "{} pictures and clips are kept, in which no text can be found: see edgeguard evidence list",
        ),
    ):
        if count:
            out.print(lang.say(zh, en).format(count))


def _waiting(counts: Mapping[str, int], lang: Lang) -> str:
    return ", ".join(f"{word(name, lang)} {count}" for name, count in counts.items())
