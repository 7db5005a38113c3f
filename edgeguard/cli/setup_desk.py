"""What lies behind the page of `camera NAME --setup`: the picture, what a draft means, what is written. On several threads."""

import threading
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final

import orjson

from edgeguard.camera.aim import AimedPlate, Looks, aimed_plates
from edgeguard.camera.still import Still, Stills
from edgeguard.cli.session import Lang
from edgeguard.cli.setup_draft import Draft, draft_of
from edgeguard.cli.setup_http import Answer
from edgeguard.core.camera import Task
from edgeguard.core.camera_limits import SETUP_PICTURE_S
from edgeguard.core.errors import ConfigError, EdgeguardError
from edgeguard.core.json_value import JsonValue
from edgeguard.vision.facade_setup import FacadeView, look_at_facade

_PAGE: Final = "setup_page.html"
_BEGINS: Final = b"/*START*/null"
"""Where the page's own data goes."""

Save = Callable[[Draft], tuple[str, ...]]
"""Keeps a draft; gives what a person is to be told. EdgeguardError where it cannot."""


class SetupDesk:
    """One setup of one camera. `begin` is the draft to begin with; `done` is set when the person is."""

    def __init__(
        self, name: str, task: Task, stills: Stills, begin: Draft, lang: Lang, save: Save | None, reader: Callable[[], Looks]
    ) -> None:
        self._name = name
        self._task = task
        self._stills = stills
        self._begin = begin
        self._lang = lang
        self._save = save
        self._make_reader = reader
        self._reader: Looks | None = None
        self._lock = threading.Lock()
        self._shown: Still | None = None
        self.draft = begin
        """The newest draft without mistakes."""
        self.done = threading.Event()

    def get(self, name: str) -> Answer | None:
        """The page, the picture, the plates in it."""
        if name == "":
            return Answer(_page(self._facts()), "text/html; charset=utf-8")
        if name == "picture.jpg":
            return self._picture()
        if name == "plates" and self._task is Task.PLATES:
            return self._plates()
        return None

    def post(self, name: str, body: bytes) -> Answer | None:
        """What a draft means, keeping it, being done."""
        if name == "done":
            self.done.set()
            return _json({})
        if name not in ("look", "save"):
            return None
        try:
            draft = draft_of(orjson.loads(body), self._task)
        except (ConfigError, orjson.JSONDecodeError) as error:
            return _json({"mistakes": _sentences(error)})
        self.draft = draft
        if name == "look":
            return _json(look(draft, self._size(draft)))
        if self._save is None:
            return _json({"mistakes": ["nothing can be written here; copy the text"]})
        try:
            with self._lock:
                return _json({"told": list(self._save(draft))})
        except EdgeguardError as error:
            return _json({"mistakes": _sentences(error)})

    def _facts(self) -> dict[str, JsonValue]:
        return {
            "name": self._name,
            "task": self._task.value,
            "lang": self._lang.value,
            "may_save": self._save is not None,
            "draft": self._begin.data(),
        }

    def _picture(self) -> Answer:
        still = self._stills.still(SETUP_PICTURE_S)
        if still is None:
            return Answer((self._stills.trouble or "no picture has come yet").encode(), "text/plain; charset=utf-8", 503)
        self._shown = still
        return Answer(still.jpeg(), "image/jpeg")

    def _plates(self) -> Answer:
        with self._lock:
            still = self._shown or self._stills.still(SETUP_PICTURE_S)
            if still is None:
                return _json({"plates": []})
            if self._reader is None:
                self._reader = self._make_reader()
            found = aimed_plates(self._reader, still.bgr)
        return _json({"plates": [plate_facts(one) for one in found]})

    def _size(self, draft: Draft) -> tuple[int, int]:
        still = self._shown
        return draft.facade.size or (still.size if still is not None else (1920, 1080))


def look(draft: Draft, size: tuple[int, int]) -> dict[str, JsonValue]:
    """What a draft means, and its text."""
    facts: dict[str, JsonValue] = {"mistakes": [], "text": draft.text()}
    return facts if draft.task is Task.PLATES else facts | view_facts(look_at_facade(draft.facade, size))


def view_facts(view: FacadeView) -> dict[str, JsonValue]:
    """As JSON says it; lengths in px, m and cm as their names say."""
    floors: list[JsonValue] = [
        {
            "floor": one.floor,
            "rows": [round(row, 1) for row in one.rows],
            "px_per_m": round(one.px_per_m, 1),
            "smallest_cm": round(one.smallest_cm, 1),
            "error_floors": round(one.error, 2),
        }
        for one in view.floors
    ]
    return {
        "floors": floors,
        "watched_share": round(view.watched_share, 3),
        "distance_m": None if view.distance_m is None else round(view.distance_m, 1),
        "camera_m": None if view.camera_m is None else round(view.camera_m, 1),
        "refusal": view.refusal,
        "warnings": [{"zh": told.zh, "en": told.en} for told in view.warnings],
    }


def plate_facts(one: AimedPlate) -> dict[str, JsonValue]:
    """As JSON says it. The text is for the person at the camera, who sees the plate anyhow."""
    aim = one.aim
    return {
        "corners": [[round(x, 1), round(y, 1)] for x, y in one.corners],
        "text": one.text,
        "confidence": round(one.confidence, 3),
        "width_px": round(aim.width_px),
        "tilt_deg": round(aim.tilt_deg),
        "turn_deg": round(aim.turn_deg),
        "contrast": round(aim.contrast),
        "edge": round(aim.edge, 3),
        "faults": [{"zh": told.zh, "en": told.en} for told in aim.faults],
    }


def load_reader() -> Looks:
    """Detector and reader as they ship."""
    from edgeguard.camera.plates import PlateReader

    return PlateReader.shipped()


def _page(facts: Mapping[str, JsonValue]) -> bytes:
    """The page with its data; what could end a script is written otherwise."""
    page = files("edgeguard.cli").joinpath(_PAGE).read_bytes()
    return page.replace(_BEGINS, orjson.dumps(facts).replace(b"<", b"\\u003c"), 1)


def _json(facts: Mapping[str, Any]) -> Answer:
    return Answer(orjson.dumps(facts))


def _sentences(error: Exception) -> list[str]:
    if isinstance(error, ConfigError):
        return [line.partition(": ")[2] or line for line in error.mistakes]
    return [str(error)]
