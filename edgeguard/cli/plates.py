"""`plates`: the number plates in pictures and videos, one line each. Returns an exit code."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typer
from rich.text import Text

from edgeguard.camera.plate_files import SeenFile, SeenPlate, draw, see_file
from edgeguard.camera.plates import PlateReader
from edgeguard.cli.output import console, print_json
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean
from edgeguard.core.errors import Permanent
from edgeguard.core.point import Labels
from edgeguard.vision.plate_grammar import Colour, PlateKind

_COLOURS: Final = (
    (Colour.BLUE, Labels("蓝牌", "blue")),
    (Colour.YELLOW, Labels("黄牌", "yellow")),
    (Colour.GREEN, Labels("绿牌", "green")),
    (Colour.YELLOW_GREEN, Labels("黄绿牌", "yellow and green")),
    (Colour.WHITE, Labels("白牌", "white")),
    (Colour.BLACK, Labels("黑牌", "black")),
)
_KINDS: Final = (
    (PlateKind.ORDINARY, Labels("普通", "ordinary")),
    (PlateKind.ENERGY_SMALL, Labels("小型新能源", "small, new energy")),
    (PlateKind.ENERGY_LARGE, Labels("大型新能源", "large, new energy")),
    (PlateKind.POLICE, Labels("警车", "police")),
    (PlateKind.COACH, Labels("教练车", "driving school")),
    (PlateKind.TRAILER, Labels("挂车", "trailer")),
    (PlateKind.HONG_KONG_MACAO, Labels("港澳", "Hong Kong or Macao")),
    (PlateKind.CONSULATE, Labels("领馆", "consulate")),
    (PlateKind.EMBASSY, Labels("使馆", "embassy")),
)


def plates(session: Session, files: Sequence[Path], draw_to: Path | None) -> Exit:
    """Read every file; one that cannot be read is told and the others go on. 1 when any could not."""
    if draw_to is not None and len(files) > 1:
        _make_folder(draw_to)
    targets = [None] * len(files) if draw_to is None else _targets(draw_to, files)
    reader = PlateReader.shipped()
    exits = [_one(session, reader, file, target) for file, target in zip(files, targets, strict=True)]
    return max(exits, default=Exit.FINE)


def _one(session: Session, reader: PlateReader, file: Path, target: Path | None) -> Exit:
    """One file; what was read is told, too, where it cannot be drawn."""
    seen, trouble = None, ""
    try:
        seen = see_file(reader, file)
        if target is not None:
            draw(seen, target)
    except Permanent as error:
        trouble = str(error)
        typer.echo(f"edgeguard: {clean(trouble, 4000)}", err=True)
    if _is_for_programs(session):
        facts = {"file": str(file), "plates": []} if seen is None else _facts(file, seen)
        print_json({**facts, "error": trouble} if trouble else facts, indent=False)
    elif seen is not None:
        _show(file, seen, session.lang)
    return Exit.WRONG if trouble else Exit.FINE


def _is_for_programs(session: Session) -> bool:
    """JSON lines are this command's form; only a person at a terminal is shown something else."""
    return session.json or not console().is_terminal


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{folder}: several pictures need a folder, and this cannot be one ({error.strerror})") from error


def _targets(draw_to: Path, files: Sequence[Path]) -> Sequence[Path]:
    """Where each is drawn to: no two to one place (cameras number their pictures anew every day), and none over what is read."""
    if len(files) == 1 and not draw_to.is_dir():
        targets = [draw_to]
    else:
        stems = Counter(file.stem.casefold() for file in files)
        names = [file.stem if stems[file.stem.casefold()] == 1 else file.name for file in files]
        nth: Counter[str] = Counter()
        targets = []
        for name in names:
            nth[name.casefold()] += 1
            number = nth[name.casefold()]
            targets.append(draw_to / f"{name}{f'-{number}' if number > 1 else ''}.plates.jpg")
    own = {file.resolve() for file in files}
    for target in targets:
        if target.resolve() in own:
            raise typer.BadParameter(f"{target}: is the picture itself, which would be lost; name another place")
    return targets


def _facts(file: Path, seen: SeenFile) -> dict[str, Any]:
    facts: dict[str, Any] = {"file": str(file), "plates": [_plate_facts(plate) for plate in seen.plates], "ms": round(seen.ms, 1)}
    if seen.is_video:
        facts["pictures"] = seen.pictures
    return facts


def _plate_facts(plate: SeenPlate) -> dict[str, Any]:
    reading = plate.reading
    facts: dict[str, Any] = {
        "text": reading.text,
        "color": reading.colour.value,
        "kind": reading.kind.value,
        "confidence": round(reading.confidence, 4),
        "box": [round(value, 1) for value in plate.found.box],
        "corners": [[round(x, 1), round(y, 1)] for x, y in plate.found.corners.tolist()],
    }
    if plate.first_s is not None and plate.last_s is not None:
        facts |= {"t_start_s": round(plate.first_s, 2), "t_end_s": round(plate.last_s, 2), "sightings": plate.sightings}
    return facts


def _show(file: Path, seen: SeenFile, lang: Lang) -> None:
    out = console()
    nothing = lang.say("没有车牌", "no plate") if not seen.plates else ""
    out.print(Text.assemble((clean(str(file)), "bold"), f"  {nothing}", (f"  {seen.ms:.0f} ms", "dim")))
    colours, kinds = dict(_COLOURS), dict(_KINDS)
    for plate in seen.plates:
        reading = plate.reading
        colour, kind = colours[reading.colour], kinds[reading.kind]
        when = f"  {plate.first_s:.1f}-{plate.last_s:.1f} s" if plate.first_s is not None else ""
        told = f"  {lang.say(colour.zh, colour.en)}, {lang.say(kind.zh, kind.en)}  {100 * reading.confidence:.0f} %{when}"
        out.print(Text.assemble("  ", (reading.text, "bold green"), told))
