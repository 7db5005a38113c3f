"""`camera NAME --setup`: a facade camera's floors, area and masks, a gate camera's aim and lanes; clicked in a browser or typed.

The technician sits at a laptop over SSH and the gateway has no display: the page is served on the loopback address alone and
reached through `ssh -L`. Whoever has no browser types rows of floors instead.
"""

import getpass
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from edgeguard.camera.aim import aimed_plates
from edgeguard.camera.live import access_of
from edgeguard.camera.still import Still, StillCamera, Stills, drawn, stills_of
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.setup_desk import SetupDesk, load_reader, look, plate_facts
from edgeguard.cli.setup_draft import Draft, Typed, TypedLanes, typed_facade, typed_lanes
from edgeguard.cli.setup_http import LOOPBACK, SetupServer
from edgeguard.cli.text import clean
from edgeguard.cli.whole_file import write_beside
from edgeguard.config import load_site_with_notes
from edgeguard.config.camera_check import CameraRow, read_camera
from edgeguard.config.facade import facade_of, facade_to_mend, load_facade
from edgeguard.config.lane_text import with_lanes
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.camera_limits import SETUP_PICTURE_S, SETUP_PORT
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.facade import FacadeSpec
from edgeguard.vision.facade_setup import FacadeView, focal_px_of, look_at_facade

_STOP_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Lens:
    """What is known of the lens: px, or degrees of view across, or mm before a sensor so many mm wide."""

    focal_px: float | None = None
    view_deg: float | None = None
    lens_mm: float | None = None
    sensor_mm: float | None = None

    def px(self, width_px: int) -> float | None:
        """The focal length in a picture of that width; None where nothing was said. ConfigError where too little was said."""
        if self.focal_px is not None or (self.view_deg is None and self.lens_mm is None):
            return self.focal_px
        try:
            return focal_px_of(width_px, self.lens_mm, self.sensor_mm, self.view_deg)
        except ValueError as error:
            raise ConfigError((f"--lens: {error}; give --sensor, or --view instead",)) from error


@dataclass(frozen=True, slots=True)
class SetupWish:
    """What was asked for. `picture`: a file in the place of the camera; `out`: where the facade goes; `minutes`: of the page."""

    name: str
    config: Path
    picture: Path | None = None
    typed: Typed = field(default_factory=Typed)
    lens: Lens = field(default_factory=Lens)
    out: Path | None = None
    write: bool = False
    draw: Path | None = None
    port: int = SETUP_PORT
    minutes: float = 30.0
    lanes: TypedLanes = field(default_factory=TypedLanes)


def setup(session: Session, wish: SetupWish) -> Exit:
    """Set one camera up. Typed values are answered at once; without any there is a page until its person is done."""
    row = read_camera(wish.config, wish.name, os.environ)
    begin = Draft(row.spec.task, _facade_before(row) if row.spec.task is Task.FALLING else FacadeSpec(), row.spec.lanes)
    out = wish.out or row.facade or wish.config.absolute().parent / f"{wish.name}-facade.toml"
    _refuse_foreign_words(row.spec.task, wish)
    if wish.draw is not None and wish.picture is not None and wish.draw.resolve() == wish.picture.resolve():
        raise ConfigError((f"--draw {wish.draw}: is the picture itself, which would be lost; name another place",))
    typed = bool(wish.typed or wish.lanes) or wish.lens != Lens() or wish.write or wish.draw is not None or session.json
    with _stills(row.spec, wish.picture) as stills:
        if typed:
            return _typed(session, wish, begin, stills, out)
        return _page(session, wish, begin, stills, out)


def _refuse_foreign_words(task: Task, wish: SetupWish) -> None:
    """What says something of the other kind of view is a mistake, not something that is silently left alone."""
    foreign = bool(wish.lanes) if task is Task.FALLING else bool(wish.typed) or wish.lens != Lens()
    if foreign:
        own = "floors, a mount, areas and masks" if task is Task.FALLING else "--lane, --line and --drop-lane"
        raise ConfigError((f'{wish.name} has task = "{task.value}": what can be typed for it is {own}',))


def _facade_before(row: CameraRow) -> FacadeSpec:
    """What the facade file says now; nothing where it is missing or wrong, which is what setting up mends."""
    try:
        return FacadeSpec() if row.facade is None else facade_to_mend(row.facade)
    except ConfigError:
        return FacadeSpec()


@contextmanager
def _stills(spec: CameraSpec, picture: Path | None) -> Iterator[Stills]:
    """The camera, or a file in its place, for as long as it is needed."""
    stills = stills_of(picture) if picture is not None else StillCamera(access_of(spec, _password(spec)))
    stills.start()
    try:
        yield stills
    finally:
        stills.stop(_STOP_S)


def _password(spec: CameraSpec) -> str | None:
    """From its file; asked for where a person sits there and the file is the service's alone."""
    if spec.username is None or spec.password_file is None:
        return None
    try:
        return Path(spec.password_file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except OSError as error:
        if sys.stdin.isatty():
            return getpass.getpass(f"password of {spec.username} at {spec.name}: ")
        raise Permanent(f"{spec.password_file}: cannot be read: {error.strerror}") from error


def _first(stills: Stills) -> Still:
    still = stills.still(SETUP_PICTURE_S)
    if still is None:
        raise Permanent(stills.trouble or f"no picture has come within {SETUP_PICTURE_S:.0f} s")
    return still


def _typed(session: Session, wish: SetupWish, begin: Draft, stills: Stills, out: Path) -> Exit:
    if begin.task is Task.PLATES:
        return _lanes(session, wish, begin, _first(stills)) if wish.lanes else _aim(session, wish, _first(stills))
    known = begin.facade.size
    still = None if known is not None and wish.draw is None else _first(stills)
    size = known or (still.size if still is not None else (0, 0))
    typed = replace(wish.typed, focal_px=wish.lens.px(size[0]))
    draft = Draft(begin.task, typed_facade(begin.facade, typed, size))
    view = look_at_facade(draft.facade, size)
    told = _keep(draft, wish, out) if wish.write and not view.refusal else ()
    if wish.draw is not None and still is not None:
        _draw(wish.draw, still, draft.facade, view)
    if session.json:
        print_json({**look(draft, size), "told": list(told)})
    else:
        _show(session.lang, draft, view, told)
    return Exit.WRONG if view.refusal else Exit.FINE


def _show(lang: Lang, draft: Draft, view: FacadeView, told: tuple[str, ...]) -> None:
    out = console()
    if view.floors:
        heads = tuple(
            lang.say(*words) for words in (("行", "row"), ("px/m", "px/m"), ("最小可见", "smallest"), ("误差(层)", "error"))
        )
        made = table(lang.say("层", "floor"), *heads, right=(lang.say("层", "floor"), *heads))
        for one in view.floors:
            cells = (f"{one.rows[1]:.0f}", f"{one.px_per_m:.1f}", f"{one.smallest_cm:.1f} cm", f"{one.error:.2f}")
            made.add_row(str(one.floor), *cells)
        out.print(made)
    if view.distance_m is not None and view.camera_m is not None:
        zh, en = f"距立面 {view.distance_m:.1f} 米", f"{view.distance_m:.1f} m from the facade"
        out.print(lang.say(f"{zh},摄像头高 {view.camera_m:.1f} 米", f"{en}, camera {view.camera_m:.1f} m high"))
    if view.refusal:
        out.print(styled(f"✗ {view.refusal}", "bold red"))
    for warning in view.warnings:
        out.print(styled(f"! {lang.say(warning.zh, warning.en)}", "yellow"))
    print(draft.text())
    for line in told:
        out.print(styled(f"✓ {clean(line, 400)}", "green"))


def _draw(where: Path, still: Still, spec: FacadeSpec, view: FacadeView) -> None:
    """The picture with what was set up, to be looked at elsewhere."""
    width, height = still.size
    across, down = (width / spec.size[0], height / spec.size[1]) if spec.size else (1.0, 1.0)
    lines = tuple(
        (0.0, one.rows[0] * down, float(width), one.rows[2] * down, f"{one.floor}: {one.smallest_cm:.0f} cm") for one in view.floors
    )
    areas = tuple(tuple((x * across, y * down) for x, y in area) for area in (spec.polygon, *spec.masks) if area)
    try:
        where.write_bytes(drawn(still, lines, areas).jpeg())
    except OSError as error:
        raise Permanent(f"{where}: cannot be written: {error.strerror}") from error


def _lanes(session: Session, wish: SetupWish, begin: Draft, still: Still) -> Exit:
    """The lanes as typed, and what goes into the site's file for them."""
    draft = Draft(begin.task, lanes=typed_lanes(begin.lanes, wish.lanes, still.size))
    told = keep_lanes(draft, wish, wish.config) if wish.write else ()
    if wish.draw is not None:
        _draw_lanes(wish.draw, still, draft)
    if session.json:
        print_json({**look(draft, still.size), **draft.data(), "size": list(still.size), "told": list(told)})
        return Exit.FINE
    print(draft.text())
    for line in told:
        console().print(styled(f"✓ {clean(line, 400)}", "green"))
    return Exit.FINE


def _draw_lanes(where: Path, still: Still, draft: Draft) -> None:
    (width, height), lanes = still.size, draft.lanes
    lines = tuple(
        (one.line[0][0] * width, one.line[0][1] * height, one.line[1][0] * width, one.line[1][1] * height, one.name)
        for one in lanes
        if one.line is not None
    )
    areas = tuple(tuple((x * width, y * height) for x, y in one.polygon) for one in lanes if one.polygon)
    try:
        where.write_bytes(drawn(still, lines, areas).jpeg())
    except OSError as error:
        raise Permanent(f"{where}: cannot be written: {error.strerror}") from error


def _aim(session: Session, wish: SetupWish, still: Still) -> Exit:
    """Every plate in one picture: how large, how slanted, how sharp."""
    plates = aimed_plates(load_reader(), still.bgr)
    if wish.draw is not None:
        areas = tuple(one.corners for one in plates)
        lines = tuple((*one.corners[3], *one.corners[2], f"{one.aim.width_px:.0f} px") for one in plates)
        try:
            wish.draw.write_bytes(drawn(still, lines, areas).jpeg())
        except OSError as error:
            raise Permanent(f"{wish.draw}: cannot be written: {error.strerror}") from error
    if session.json:
        print_json({"size": list(still.size), "plates": [plate_facts(one) for one in plates]})
        return Exit.FINE
    out, lang = console(), session.lang
    if not plates:
        out.print(lang.say("画面里没有车牌", "no plate is in the picture"))
    for one in plates:
        aim = one.aim
        figures = (
            f"{aim.width_px:.0f} px, {lang.say('倾斜', 'tilt')} {aim.tilt_deg:.0f}°, {lang.say('侧角', 'turn')} {aim.turn_deg:.0f}°"
        )
        out.print(f"{one.text or '?'}  {figures}")
        for fault in aim.faults:
            out.print(styled(f"  ! {lang.say(fault.zh, fault.en)}", "yellow"))
    return Exit.FINE


def _page(session: Session, wish: SetupWish, begin: Draft, stills: Stills, out: Path) -> Exit:
    where_to, keep = (out, _keep) if begin.task is Task.FALLING else (wish.config, keep_lanes)
    may_save = os.access(where_to if where_to.exists() else where_to.parent, os.W_OK)
    save = (lambda draft: keep(draft, wish, where_to)) if may_save else None
    desk = SetupDesk(wish.name, begin.task, stills, begin, session.lang, save, load_reader)
    server = SetupServer(desk, wish.port)
    screen, lang = console(), session.lang
    where = f"http://{LOOPBACK}:{server.port}{server.path}"
    screen.print(
        lang.say("在自己的电脑上:", "on your own computer:"), f"ssh -L {server.port}:{LOOPBACK}:{server.port} USER@GATEWAY"
    )
    screen.print(lang.say("然后打开:", "then open:"), where, soft_wrap=True)
    minutes = f"{wish.minutes:.0f}"
    screen.print(
        lang.say(
            f"{minutes} 分钟后、点「结束」或按 Ctrl-C 时结束",
            f"ends after {minutes} minutes, with the page's button, or with Ctrl-C",
        )
    )
    try:
        desk.done.wait(wish.minutes * 60)
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
    if desk.draft != begin:
        print(desk.draft.text())
    return Exit.FINE


def _keep(draft: Draft, wish: SetupWish, out: Path) -> tuple[str, ...]:
    """Write the facade and look at the whole site with it, as `edgeguard check` does; in words, what came of it."""
    refusal = look_at_facade(draft.facade, draft.facade.size or (1920, 1080)).refusal
    if refusal:
        raise Permanent(refusal)
    try:
        before = write_beside(out, draft.text())
    except OSError as error:
        raise Permanent(f"{out}: cannot be written: {error.strerror}") from error
    told = [f"{out} is written" + (f"; what it was before is {before.name}" if before is not None else "")]
    if load_facade(out) != _as_written(draft):
        raise Permanent(f"{out}: does not hold what was written")
    row = read_camera(wish.config, wish.name, os.environ)
    if row.facade is None or row.facade.resolve() != out.resolve():
        return (*told, f'the camera does not use it yet: write facade = "{out.name}" below its [[camera]], then: edgeguard check')
    load_site_with_notes(wish.config)
    return (*told, f"{wish.config} holds with it; it counts after: edgeguard reload")


def keep_lanes(draft: Draft, wish: SetupWish, site: Path) -> tuple[str, ...]:
    """Put the lanes into the site's file, once it is proven that it holds with them and that nothing else of it changes."""
    trial = site.with_name(f".{site.name}.trial")
    try:
        made = with_lanes(site.read_text(encoding="utf-8"), wish.name, draft.lanes)
        trial.write_text(made, encoding="utf-8")
        try:
            load_site_with_notes(trial, folder=site.absolute().parent)
        finally:
            trial.unlink()
        before = write_beside(site, made)
    except OSError as error:
        raise Permanent(f"{site}: cannot be written: {error.strerror}") from error
    kept = f"; what it was before is {before.name}" if before is not None else ""
    return (f"{site} has the lanes and holds with them{kept}; they count after: edgeguard reload",)


def _as_written(draft: Draft) -> FacadeSpec:
    """The draft as its own text says it: positions to a tenth of a px."""
    return facade_of(tomllib.loads(draft.text()), "draft")
