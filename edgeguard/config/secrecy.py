"""Secrets that have strayed into a configuration file, wherever they are."""

from collections.abc import Mapping
from typing import Any, Final

from edgeguard.config.mistakes import Mistakes
from edgeguard.config.positions import KeyPath

_KEY_BLOCK: Final = "-----BEGIN "


def check_no_secrets(data: Mapping[str, Any], mistakes: Mistakes) -> None:
    """A mistake for each PEM block in the values; keys named like secrets are found as unknown keys."""
    _look(data, (), mistakes)


def _look(value: object, path: KeyPath, mistakes: Mistakes) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _look(inner, (*path, key), mistakes)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _look(inner, (*path, i), mistakes)
    elif isinstance(value, str) and _KEY_BLOCK in value:
        mistakes.add(path, "holds a key or certificate itself; put it into a file of its own (mode 0600) and name the file here")
