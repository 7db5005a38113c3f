"""The judge of falls that ships with the program: a forest in a file of numbers, found whole by its hash."""

import json
from pathlib import Path
from typing import Final

from edgeguard.camera.shipped import ModelError, checked_bytes, model_facts
from edgeguard.vision.fall_signs import NAMES
from edgeguard.vision.forest import forest_of
from edgeguard.vision.verdict import Learned

_NAME: Final = "fall_judge"


def fall_judge(folder: Path | None = None) -> Learned:
    """The judge in `folder` (the shipped one). ModelError where it is missing, changed, or asks for signs that are not ours."""
    facts = model_facts(_NAME, folder)
    data = checked_bytes(facts)
    try:
        forest = forest_of(json.loads(data))
    except ValueError as error:
        raise ModelError(f"{facts.file}: {error}") from error
    if forest.signs != NAMES:
        raise ModelError(f"{facts.file}: asks for other signs than this version knows; install the package anew")
    return Learned(forest, facts.threshold)
