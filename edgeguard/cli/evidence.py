"""`evidence list|show|export|verify`: what the cameras have kept, looked at, copied and checked. Access is put on record.

Reads the state directory itself: whoever may, may run this (the service's user, root). The record of who looked and who took a copy
is the daemon's to write, so show and export need it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from edgeguard.camera.shelf import EXPORTED, RECORD, Piece, Shelf
from edgeguard.cli.custody import Listed, is_removed, listed_in, removed_words
from edgeguard.cli.evidence_log import EvidenceLog, read_log
from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, size
from edgeguard.config import load_site
from edgeguard.control import call, methods
from edgeguard.control.errors import UnknownName
from edgeguard.core.camera import SEALED, CameraSpec, evidence_folder, pass_folder, snapshot_folder
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import CameraName
from edgeguard.core.site import Site
from edgeguard.store import note_copy

if TYPE_CHECKING:
    from edgeguard.camera.sealing import Seal


class Kind(StrEnum):
    """What a piece is of."""

    FALL = "fall"
    """A clip with its picture."""
    SNAPSHOT = "snapshot"
    """A picture that somebody has asked for."""
    PASSED = "pass"
    """A vehicle that has passed a gate camera: its picture, and where it may be seen clear, its plate by itself."""


_WORDS: Final = MappingProxyType(
    {Kind.FALL: ("高空抛物", "fall"), Kind.SNAPSHOT: ("抓拍", "snapshot"), Kind.PASSED: ("过车", "pass")}
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One piece with its camera and its record (empty where that cannot be read)."""

    camera: CameraSpec
    piece: Piece
    record: Mapping[str, Any]
    kind: Kind = Kind.FALL

    @property
    def event(self) -> Mapping[str, Any]:
        """The event as it was told."""
        event = self.record.get("event")
        return event if isinstance(event, dict) else {}

    @property
    def parts(self) -> tuple[str, ...]:
        """What it has to have beside its record."""
        if self.kind is Kind.PASSED:
            return ("picture", "crop") if "crop" in self.record else ("picture",)
        return ("picture",) if self.kind is Kind.SNAPSHOT else ("clip", "picture")

    @property
    def about(self) -> str:
        """In a word, what is known of it: the floor of a fall, the plate of a pass in the shape in which events have it."""
        found = self.event.get("text" if self.kind is Kind.PASSED else "floor")
        return "—" if found is None else str(found)

    def file(self, what: str) -> Path | None:
        """The clip's or the picture's path, as the record names it; None where it names none of this piece."""
        named = self.record.get(what)
        name = named.get("file") if isinstance(named, dict) else None
        return next((file for file in self.piece.files if file.name == name), None)

    def sha256(self, what: str) -> str:
        """The hash that the record gives."""
        named = self.record.get(what)
        return str(named.get("sha256", "")) if isinstance(named, dict) else ""

    @property
    def is_sealed(self) -> bool:
        """Whether any of its files is."""
        return any(file.suffix == SEALED for file in self.piece.files)

    def facts(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "camera": self.camera.name,
            "kind": self.kind.value,
            "id": self.piece.stem,
            "at": iso_utc(self.piece.taken_ms),
            "bytes": self.piece.bytes,
            "told": not self.piece.unsent,
            "exported": self.piece.exported,
            "sealed": self.is_sealed,
            "files": [str(file) for file in self.piece.files],
            "event": self.event,
        }


def listed(session: Session, config: Path) -> Exit:
    """Everything that is kept, oldest first."""
    kept = list(_kept(config))
    if session.json:
        print_json([one.facts() for one in kept])
        return Exit.FINE
    lang, out = session.lang, console()
    if not kept:
        out.print(lang.say("没有证据", "no evidence"))
        return Exit.FINE
    heads = (("摄像头", "camera"), ("类型", "kind"), ("编号", "id"), ("时间 (UTC)", "time (UTC)"))
    tail = (("楼层/车牌", "floor, plate"), ("置信度", "confidence"), ("大小", "size"), ("状态", "state"))
    made = table(*(lang.say(*head) for head in (*heads, *tail)))
    for one in kept:
        states = [lang.say("未上报", "not told yet")] * one.piece.unsent + [lang.say("已导出", "exported")] * one.piece.exported
        states += [lang.say("未加密", "not sealed")] * (one.camera.picture_key_file is not None and not one.is_sealed)
        event = one.event
        first = (
            clean(one.camera.name),
            lang.say(*_WORDS[one.kind]),
            one.piece.stem,
            iso_utc(one.piece.taken_ms)[:19].replace("T", " "),
        )
        told = (clean(one.about), clean(str(event.get("confidence", "—"))))
        made.add_row(*first, *told, size(one.piece.bytes), ", ".join(states))
    out.print(made)
    return Exit.FINE


def show(session: Session, config: Path, identity: str, keys: Sequence[Path] = ()) -> Exit:
    """One piece: what is known of it, where its files are, and whether the sealed ones open."""
    kept = _find(config, identity)
    seal = _seal(kept.camera, keys) if kept.is_sealed else None
    _put_on_record(session, kept, "show", "")
    if session.json:
        print_json(kept.facts() | ({"locked": _locked(kept, seal)} if kept.is_sealed else {}))
        return Exit.FINE
    out = console()
    out.print(styled(f"{clean(kept.camera.name)} {kept.piece.stem}", "bold"))
    for key, value in kept.event.items():
        out.print(f"  {clean(key)}: {clean(orjson.dumps(value).decode(), 200)}")
    locked = _locked(kept, seal)
    opens = session.lang.say("已加密，evidence export 可解密", "sealed; evidence export opens it")
    for file in kept.piece.files:
        out.print(f"  {clean(str(file))}" + (f"  ({clean(locked.get(file.name, opens), 200)})" if file.suffix == SEALED else ""))
    return Exit.FINE


def _locked(kept: Kept, seal: "Seal | None") -> Mapping[str, str]:
    """The sealed files that do not open, and why."""
    from edgeguard.camera.sealing import SealError, opened_file

    why: dict[str, str] = {}
    for file in kept.piece.files:
        if file.suffix == SEALED:
            try:
                opened_file(file, seal).close()
            except (SealError, OSError) as error:
                why[file.name] = str(error)
    return why


def export(
    session: Session, config: Path, identity: str, folder: Path, masks_checked: bool = False, keys: Sequence[Path] = ()
) -> Exit:
    """A copy of one piece, masks burnt in; recorded before it is made. What is sealed is opened, with one of `keys` or the
    camera's own. Of what was changed since it was kept a copy is made, too, but that is said, and the exit is 1: a clip that was
    encoded anew shows no more that half of it was missing."""
    kept = _find(config, identity)
    from edgeguard.camera.exporting import export_pictures, export_piece

    clip, picture = kept.file("clip"), kept.file("picture")
    record = next((file for file in kept.piece.files if file.suffix == RECORD), None)
    if any(kept.file(what) is None for what in kept.parts) or picture is None or record is None:
        raise Permanent(f"{identity}: some of its files are missing; edgeguard evidence verify says which")
    if not masks_checked:
        _refuse_masks_that_may_not_fit(kept, identity)
    if folder.resolve() == picture.parent.resolve():
        raise Permanent(f"{folder}: is where the evidence itself lies; a copy needs another folder")
    seal = _seal(kept.camera, keys, is_needed=True) if kept.is_sealed else None
    _put_on_record(session, kept, "export", str(folder.absolute()))
    note_copy(Path(load_site(config).store.directory), folder)
    if clip is None:
        made = export_pictures([part for what in kept.parts if (part := kept.file(what))], record, folder, seal)
    else:
        made = export_piece(clip, picture, record, kept.camera.facade, folder, seal)
    _note_exported(picture.parent / f"{kept.piece.stem}{EXPORTED}")
    hashes = {str(file): _sha256(file) for file in made}
    wrong = tuple(said for what in kept.parts if (said := _wrong_part(kept, what, session.lang, seal)))
    if session.json:
        print_json({"id": kept.piece.stem, "files": hashes, "wrong": wrong})
    else:
        for file, digest in hashes.items():
            console().print(f"{digest}  {clean(file)}")
        if wrong:
            console().print(styled(f"✗ {clean(kept.camera.name)} {kept.piece.stem}: {'; '.join(wrong)}", "bold red"))
    return Exit.WRONG if wrong else Exit.FINE


def _note_exported(mark: Path) -> None:
    """What nobody has a copy of is removed first."""
    try:
        mark.touch()
    except OSError as error:
        raise Permanent(f"{mark}: cannot be written: {error.strerror}; the copy is made, but not noted as such") from error


def _seal(camera: CameraSpec, keys: Sequence[Path], is_needed: bool = False) -> "Seal | None":
    """What opens its files: the keys that were named, and the one that the camera's row names. None where there is neither, or
    where the camera's own cannot be read from here (the service alone is given it) and none is needed: each file then says so.
    """
    from edgeguard.camera.sealing import Seal, key_of

    own = camera.picture_key_file
    found: list[Seal] = []
    for file in (*keys, *(() if own is None else (Path(own),))):
        try:
            found.append(Seal(key_of(file), found))
        except OSError as error:
            if file in keys or (is_needed and not keys):
                raise Permanent(
                    f"{file}: the key of pictures cannot be read: {error.strerror}; --key FILE names another place"
                ) from error
    return found[-1] if found else None


def _refuse_masks_that_may_not_fit(kept: Kept, identity: str) -> None:
    """In a view that had been moved the masks lie over the wrong windows: a copy would show what they are to hide."""
    has_masks = kept.camera.facade is not None and bool(kept.camera.facade.masks)
    if has_masks and kept.event.get("moved"):
        raise Permanent(
            f"{identity}: the camera seemed to have been moved when it was kept, so that its privacy masks may not fit;"
            f" look at the clip, and where they do: --masks-checked"
        )


def verify(session: Session, config: Path, keys: Sequence[Path] = ()) -> Exit:
    """Every file against its record, and every record against the audit log; what is sealed is opened for it, with one of `keys` or
    the camera's own. Beside a daemon that goes on: what is being kept, or has gone of age or size meanwhile, is nothing wrong.
    """
    site = load_site(config)
    # In this order: what was told before it was listed is in the audit log by now, and what the log tells is in the list by then.
    kept = [one for one in _kept(config) if one.record or not one.piece.unsent]
    log = read_log(Path(site.store.directory))
    lists = {camera.name: _list_of(site, camera.name, kept, log, session.lang) for camera in site.cameras}
    seals = {
        one.camera.name: _seal(one.camera, keys)
        for one in {one.camera.name: one for one in kept if one.is_sealed and one.kind is not Kind.PASSED}.values()
    }
    judged = [(one, _wrong(one, log, session.lang, seals.get(one.camera.name), lists[one.camera.name])) for one in kept]
    found: list[tuple[str, str, tuple[str, ...]]] = [
        (one.camera.name, one.piece.stem, wrong)
        for one, wrong in judged
        if not wrong or (any(file.exists() for file in one.piece.files) and not _goes(site, one))
    ]
    found += [(name, stem, (wrong,)) for name, known in lists.items() for stem, wrong in known.wrong]
    bad = [one for one in found if one[2]]
    if session.json:
        print_json([{"camera": name, "id": stem, "wrong": list(wrong)} for name, stem, wrong in found])
        return Exit.WRONG if bad else Exit.FINE
    for name, stem, wrong in bad:
        console().print(styled(f"✗ {clean(name)} {stem}: {'; '.join(wrong)}", "bold red"))
    for name, known in lists.items():
        if known.removed:
            console().print(f"– {clean(name)}: {clean(removed_words(known.removed, session.lang), 300)}")
    if silent := sum(log.is_silent(one.piece.taken_ms) for one, _ in judged):
        zh, en = f"– {silent} 份早于审计日志，或其记录已随恢复丢失", f"– {silent} are of a time of which the audit log has no rows"
        console().print(session.lang.say(zh, en))
    well = len(found) - len(bad)
    zh, en = f"✓ {well} 份证据完好", f"✓ {well} of {len(found)} pieces are as they were kept"
    console().print(session.lang.say(zh, en))
    return Exit.WRONG if bad else Exit.FINE


def _list_of(site: Site, name: CameraName, kept: Sequence[Kept], log: EvidenceLog, lang: Lang) -> Listed:
    here = {one.piece.stem for one in kept if one.kind is Kind.FALL and one.camera.name == name}
    told = {target.rpartition(".")[2]: link for target, link in log.links.items() if target.rpartition(".")[0] == name}
    return listed_in(Path(evidence_folder(site.store.directory, name)), here, told, lang)


def _goes(site: Site, one: Kept) -> bool:
    """Whether a fall is being removed just now, or was when the power went: that is put down first."""
    return one.kind is Kind.FALL and is_removed(Path(evidence_folder(site.store.directory, one.camera.name)), one.piece.stem)


def _wrong(one: Kept, log: EvidenceLog, lang: Lang, seal: "Seal | None", known: Listed) -> tuple[str, ...]:
    """In words, what of a piece is not as it was kept."""
    wrong: list[str] = []
    if not one.record:
        return (lang.say("记录无法读取", "its record cannot be read"),)
    wrong += [said for what in one.parts if (said := _wrong_part(one, what, lang, seal))]
    if one.kind is Kind.FALL and one.piece.stem in known.records and not _is_record(one, known.records[one.piece.stem]):
        wrong.append(lang.say("记录被修改", "its record was changed"))
    row = log.rows.get(f"{one.camera.name}.{one.piece.stem}")
    if row is None and not one.piece.unsent and not log.is_silent(one.piece.taken_ms):
        wrong.append(lang.say("审计日志中没有记录", "the audit log knows nothing of it"))
    elif row is not None and any(row.get(f"{what}_sha256") != one.sha256(what) for what in one.parts):
        wrong.append(lang.say("与审计日志不符", "the audit log has other hashes"))
    return tuple(wrong)


def _is_record(one: Kept, sha256: str) -> bool:
    try:
        return any(_hashed(file) == sha256 for file in one.piece.files if file.suffix == RECORD)
    except OSError:
        return True  # it is gone since it was read, or cannot be read, which is told


def _wrong_part(one: Kept, what: str, lang: Lang, seal: "Seal | None") -> str:
    """In words, what is wrong with one of its files; nothing where it is as it was kept. Hashes are those of what is in the seal;
    for passes, of the sealed files. A file that the disk does not give back is wrong by itself: others are still looked at."""
    from edgeguard.camera.sealing import SealError, sha256_within

    missing = lang.say(f"{what} 缺失", f"the {what} is missing")
    file = one.file(what)
    if file is None:
        return missing
    try:
        found = _hashed(file) if one.kind is Kind.PASSED else sha256_within(file, seal)
    except FileNotFoundError:
        return missing
    except PermissionError as error:
        raise Permanent(f"{file}: may be read by the service's user and root only; try with sudo") from error
    except SealError as error:
        return lang.say(f"{what} 无法解密：{error}", f"the {what} cannot be checked: {error}")
    except OSError as error:
        return lang.say(f"{what} 无法读取：{error.strerror}", f"the {what} cannot be read: {error.strerror}")
    return "" if found == one.sha256(what) else lang.say(f"{what} 被修改", f"the {what} was changed")


def _kept(config: Path) -> Iterator[Kept]:
    site = load_site(config)
    for camera in site.cameras:
        state = site.store.directory
        for kind, folder_of in ((Kind.FALL, evidence_folder), (Kind.SNAPSHOT, snapshot_folder), (Kind.PASSED, pass_folder)):
            for piece in _pieces(Path(folder_of(state, camera.name)), camera):
                yield Kept(camera, piece, _record(piece), kind)


def _pieces(folder: Path, camera: CameraSpec) -> list[Piece]:
    try:
        return Shelf(folder, camera.evidence_bytes, camera.evidence_age_ms).pieces() if folder.is_dir() else []
    except PermissionError:
        raise Permanent(f"{folder}: may be read by the service's user and root only; try with sudo") from None


def _record(piece: Piece) -> Mapping[str, Any]:
    for file in piece.files:
        if file.suffix == RECORD:
            try:
                record = orjson.loads(file.read_bytes())
            except (OSError, orjson.JSONDecodeError):
                return {}
            return record if isinstance(record, dict) else {}
    return {}


def _find(config: Path, identity: str) -> Kept:
    camera, _, stem = identity.rpartition(".")
    found = [one for one in _kept(config) if one.piece.stem == stem and camera in ("", one.camera.name)]
    if not found:
        raise UnknownName(f"there is no evidence {identity}; edgeguard evidence list shows what there is")
    if len(found) > 1:
        raise UnknownName(f"{stem} is of several cameras; write CAMERA.{stem}")
    return found[0]


def _put_on_record(session: Session, kept: Kept, what: str, where: str) -> None:
    args = {"camera": kept.camera.name, "id": kept.piece.stem, "what": what, "where": where, "by": author()}
    call(session.socket, methods.EVIDENCE_ACCESS, args)


def _hashed(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sha256(file: Path) -> str:
    try:
        return _hashed(file)
    except OSError as error:
        raise Permanent(f"{file}: cannot be read: {error.strerror}") from error
