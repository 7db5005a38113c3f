"""What `evidence verify` finds in the list of what was kept: pieces that are gone though nobody put down that they were removed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from edgeguard.camera.custody import Custody, Link, Removal, custody_now
from edgeguard.cli.session import Lang
from edgeguard.core.camera import CUSTODY
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import Permanent

_WHY: Final = MappingProxyType(
    {"age": ("超期", "age"), "size": ("超量", "size"), "disk": ("磁盘不足", "disk full"), "erase": ("按要求擦除", "erased")}
)


@dataclass(frozen=True, slots=True)
class Listed:
    """By the list of one folder: what is wrong (id and words), what was removed, and the SHA-256 of each record."""

    wrong: tuple[tuple[str, str], ...] = ()
    removed: Mapping[str, Removal] = field(default_factory=dict)
    records: Mapping[str, str] = field(default_factory=dict)


def listed_in(folder: Path, here: Set[str], told: Mapping[str, Link], lang: Lang) -> Listed:
    """`here`: the pieces that were found there, `told`: the lines that the audit log has, by piece; both read before the list."""
    known = _read(folder)
    if known is None:
        last = max((link.n for link in told.values()), default=0)
        gone = lang.say(
            f"清单缺失（审计日志有第 {last} 行）", f"the list of what was kept is gone; the audit log has its line {last}"
        )
        return Listed(((CUSTODY, gone),) if told else ())
    return Listed(tuple(_wrong(folder, known, here, told, lang)), known.removed, known.kept)


def _wrong(folder: Path, known: Custody, here: Set[str], told: Mapping[str, Link], lang: Lang) -> Iterator[tuple[str, str]]:
    missing = lang.say("缺失，且没有删除记录", "it is missing, and nothing says that it was removed")
    lost = {stem for stem in known.kept.keys() - here if not _is_there(folder, stem)}
    if lost and (again := _read(folder)) is not None:
        # What goes is put down first: what was not there is removed by the list as it is now, or by somebody else.
        lost = {stem for stem in lost if stem in again.kept or again.log != known.log}
    cut = {stem: link for stem, link in told.items() if not known.holds(link)}
    lost |= {stem for stem in cut if stem not in known.removed and not _is_there(folder, stem)}
    yield from ((stem, missing) for stem in sorted(lost))
    if known.broken is not None:
        n = known.broken
        yield CUSTODY, lang.say(f"第 {n} 行与前一行不符", f"its line {n} does not follow on the one before it")
    if cut:
        n = min(link.n for link in cut.values())
        yield CUSTODY, lang.say(f"没有审计日志所记的第 {n} 行", f"the line {n} that the audit log has is not in it")


def _read(folder: Path) -> Custody | None:
    try:
        return custody_now(folder)
    except PermissionError:
        raise Permanent(f"{folder}: may be read by the service's user and root only; try with sudo") from None
    except OSError as error:
        raise Permanent(f"{folder / CUSTODY}: cannot be read: {error.strerror}") from error


def _is_there(folder: Path, stem: str) -> bool:
    return any(file.name.partition(".")[0] == stem for file in folder.glob(f"{stem}.*"))


def is_removed(folder: Path, stem: str) -> bool:
    """Whether the list says now that it was removed."""
    known = _read(folder)
    return known is not None and stem in known.removed


def removed_words(removed: Mapping[str, Removal], lang: Lang) -> str:
    """How many were removed for which reason, and the last of them."""
    counts = Counter(one.why for one in removed.values())
    shown = ", ".join(f"{lang.say(*_WHY.get(why, (why, why)))} {count}" for why, count in sorted(counts.items()))
    last = iso_utc(max(one.wall_ms for one in removed.values()))
    return lang.say(
        f"已删除 {len(removed)} 份（{shown}），最近 {last}", f"{len(removed)} were removed ({shown}), the last one {last}"
    )
