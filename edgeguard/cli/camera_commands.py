"""The faces of the commands for pictures and videos. Imports what a command needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.places import SITE_FILE, Configuration
from edgeguard.cli.session import Command, Group, session_of
from edgeguard.core.camera_limits import SETUP_MINUTES, SETUP_MINUTES_MOST, SETUP_PORT

_Piece = Annotated[str, typer.Argument(metavar="ID", help="As listed; CAMERA.ID where two cameras have the same.")]
_Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="What sealed it, where the camera's picture_key_file is another by now or not at hand. May be repeated.",
    ),
]

_Setup = Annotated[bool, typer.Option("--setup", help="Set its view up: a page in a browser, or what the options below say.")]
_Picture = Annotated[Path | None, typer.Option("--picture", metavar="FILE", help="A picture or video in the camera's place.")]
_Floor = Annotated[
    list[str] | None, typer.Option("--floor", metavar="N=ROW", help="A floor's slab: N=ROW or N=X,Y-X,Y; three or more.")
]
_Pitch = Annotated[float | None, typer.Option("--pitch", metavar="DEG", help="Instead of floors: degrees upwards.")]
_Distance = Annotated[float | None, typer.Option("--distance", metavar="M", help="To the facade.")]
_Height = Annotated[float | None, typer.Option("--height", metavar="M", help="Of the camera above the ground floor.")]
_View = Annotated[float | None, typer.Option("--view", metavar="DEG", min=1, max=179, help="The lens: degrees across.")]
_Lens = Annotated[float | None, typer.Option("--lens", metavar="MM", min=0.5, help="The lens, with --sensor.")]
_Sensor = Annotated[float | None, typer.Option("--sensor", metavar="MM", min=0.5, help="Width of the sensor.")]
_FocalPx = Annotated[float | None, typer.Option("--focal-px", metavar="PX", help="The lens, in px.")]
_Storey = Annotated[float | None, typer.Option("--storey", metavar="M", help="Height of a storey (3).")]
_GroundFloor = Annotated[int | None, typer.Option("--ground-floor", metavar="N", help="What the ground floor is called (1).")]
_SkipFloors = Annotated[
    str | None, typer.Option("--skip-floors", metavar="N,N…", help="Numbers that the house does not have: 4,13,14.")
]
_Columns = Annotated[str | None, typer.Option("--columns", metavar="X,X…", help="Borders of window columns.")]
_FirstColumn = Annotated[int | None, typer.Option("--first-column", metavar="N", help="Number of the leftmost column (1).")]
_Polygon = Annotated[str | None, typer.Option("--polygon", metavar="'X,Y X,Y…'", help="The area that is watched.")]
_Mask = Annotated[list[str] | None, typer.Option("--mask", metavar="'X,Y X,Y…'", help="Never looked at; may be given again.")]
_Lane = Annotated[
    list[str] | None, typer.Option("--lane", metavar="NAME[=X,Y…]", help="A lane, px: NAME='X,Y X,Y X,Y…'; NAME alone: everywhere.")
]
_Line = Annotated[list[str] | None, typer.Option("--line", metavar="NAME='X,Y X,Y'", help="The line of a lane, px.")]
_DropLane = Annotated[list[str] | None, typer.Option("--drop-lane", metavar="NAME", help="Takes a lane away.")]
_Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The facade file (the camera's own).")]
_Write = Annotated[bool, typer.Option("--write", help="Write it, and check the site with it.")]
_Draw = Annotated[Path | None, typer.Option("--draw", metavar="FILE", help="Write a JPEG with what was set up drawn in.")]
_Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the page; 0 for any.")]
_Minutes = Annotated[float, typer.Option("--minutes", min=0.05, max=SETUP_MINUTES_MOST, help="The page's life.")]


def register(app: typer.Typer) -> None:
    """Add them to the root, in the order in which help lists them."""
    evidence = typer.Typer(
        cls=Group, rich_markup_mode=None, no_args_is_help=True, help="What cameras have kept: list, show, export, verify."
    )
    app.add_typer(evidence, name="evidence")
    evidence.command("list", cls=Command)(evidence_list)
    evidence.command("show", cls=Command)(evidence_show)
    evidence.command("export", cls=Command)(evidence_export)
    evidence.command("verify", cls=Command)(evidence_verify)
    app.command(cls=Command)(plates)
    app.command(cls=Command)(cameras)
    app.command(cls=Command)(camera)


def plates(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Pictures (JPEG, PNG, BMP, WebP) or videos.")],
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="OUT", help="Also write the picture with the plates outlined; a folder for several."),
    ] = None,
) -> None:
    """Number plates in pictures and videos: text, colour, confidence, place; one line of JSON per file.

    Whole photos and crops that are little more than a plate. In a video each car is told once, with the time it was seen.
    Exit 1 when a file cannot be read; the others are read all the same.
    """
    from edgeguard.cli import plates as reading

    raise typer.Exit(reading.plates(session_of(ctx), files, draw))


def cameras(ctx: typer.Context) -> None:
    """Every camera: whether it sees what it should, pictures a second, what its process costs.

    Exit 1 when a camera is blind or its process does not run.
    """
    from edgeguard.cli import cameras as showing

    raise typer.Exit(showing.cameras(session_of(ctx)))


def camera(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The camera's name in the configuration.")],
    config: Configuration = SITE_FILE,
    parent: Annotated[int | None, typer.Option("--parent", metavar="PID", help="End when this process does.", hidden=True)] = None,
    accept_view: Annotated[
        bool, typer.Option("--accept-view", help="The camera was moved on purpose: what it shows now is right from now on.")
    ] = False,
    setup: _Setup = False,
    picture: _Picture = None,
    floor: _Floor = None,
    pitch: _Pitch = None,
    distance: _Distance = None,
    height: _Height = None,
    view: _View = None,
    lens: _Lens = None,
    sensor: _Sensor = None,
    focal_px: _FocalPx = None,
    storey: _Storey = None,
    ground_floor: _GroundFloor = None,
    skip_floors: _SkipFloors = None,
    columns: _Columns = None,
    first_column: _FirstColumn = None,
    polygon: _Polygon = None,
    mask: _Mask = None,
    lane: _Lane = None,
    line: _Line = None,
    drop_lane: _DropLane = None,
    out: _Out = None,
    write: _Write = False,
    draw: _Draw = None,
    port: _Port = SETUP_PORT,
    minutes: _Minutes = SETUP_MINUTES,
) -> None:
    """Set a camera up, or run the process that looks at it; the daemon starts one for each camera and starts it again when it ends.

    --setup serves a page on this machine alone, to be reached through ssh -L: for a facade camera it takes floor lines (or
    pitch, lens and distance), the facade's area and privacy masks and shows what size is seen at which floor; for a gate camera
    it shows how wide, slanted and sharp plates are, and takes lanes and the lines that vehicles cross. Typed values
    (--floor 3=900,7=374,11=65, --lane left --line left="0,700 1919,700") are answered without a page.

    The process reads a password from standard input, one line, where the configuration names a password_file.
    """
    from edgeguard.cli import cameras as showing

    if setup:
        from edgeguard.cli import setup as setting
        from edgeguard.cli.setup_draft import Typed, TypedLanes

        mount = (pitch, None, distance, height)
        house = (storey, ground_floor, first_column, skip_floors)
        typed = Typed(tuple(floor or ()), columns, polygon, tuple(mask or ()), *mount, *house)
        lanes = TypedLanes(tuple(lane or ()), tuple(line or ()), tuple(drop_lane or ()))
        lens_known = setting.Lens(focal_px, view, lens, sensor)
        wish = setting.SetupWish(name, config, picture, typed, lens_known, out, write, draw, port, minutes, lanes)
        raise typer.Exit(setting.setup(session_of(ctx), wish))
    if accept_view:
        raise typer.Exit(showing.accept_view(session_of(ctx), name))
    raise typer.Exit(showing.process(name, config, parent))


def evidence_list(ctx: typer.Context, config: Configuration = SITE_FILE) -> None:
    """Every piece of evidence, oldest first, with what was seen and whether the platform knows of it."""
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.listed(session_of(ctx), config))


def evidence_show(ctx: typer.Context, identity: _Piece, keys: _Keys = None, config: Configuration = SITE_FILE) -> None:
    """One piece: what was seen, and where its files are. That somebody looked is recorded first."""
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.show(session_of(ctx), config, identity, keys or ()))


def evidence_export(
    ctx: typer.Context,
    identity: _Piece,
    folder: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the copy goes.")] = Path(),
    masks_checked: Annotated[
        bool,
        typer.Option("--masks-checked", help="The camera seemed moved then; somebody has seen that the masks fit all the same."),
    ] = False,
    keys: _Keys = None,
    config: Configuration = SITE_FILE,
) -> None:
    """A copy of one piece with the SHA-256 of each file; privacy masks of the facade file are burnt in, sealed pictures are opened.
    Recorded first.
    """
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.export(session_of(ctx), config, identity, folder, masks_checked, keys or ()))


def evidence_verify(ctx: typer.Context, keys: _Keys = None, config: Configuration = SITE_FILE) -> None:
    """Check every clip and picture against its record and the audit log; exit 1 when something was changed or is missing, or is
    sealed with a key that was not given.

    That the audit log itself is whole, edgeguard audit verify shows.
    """
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.verify(session_of(ctx), config, keys or ()))
