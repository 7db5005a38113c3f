"""What points mean: `role` of a profile's point, and `[device.role]` where only the site knows what is wired to an input. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.core.point import Point, RoleUse, Value
from edgeguard.core.role import ROLES, misfit

Written = str | Mapping[str, Sequence[Value]] | None
"""As it stands in a file."""


def uses(written: Written) -> tuple[RoleUse, ...]:
    """The roles as core knows them."""
    if written is None:
        return ()
    if isinstance(written, str):
        return (RoleUse(written),)
    return tuple(RoleUse(role, tuple(values)) for role, values in written.items())


def check_roles(point: Point) -> Iterator[str]:
    """What is wrong with a point's roles, a sentence each."""
    for use in point.roles:
        if use.role not in ROLES:
            yield f'there is no role "{use.role}"{did_you_mean(use.role, ROLES)}'
        elif wrong := misfit(point, use):
            yield wrong


def note_roles(point: Point, path: KeyPath, mistakes: Mistakes) -> None:
    """Add what is wrong with the roles of a profile's point."""
    for sentence in check_roles(point):
        mistakes.add((*path, "role"), sentence)
