"""The tables of groups as pydantic sees them."""

from typing import Annotated

from pydantic import Field

from edgeguard.config.fields import Id, LabelsTable
from edgeguard.config.mistakes import Table
from edgeguard.core.limits import GROUP_MAX_DEVICES


class GroupTable(Table):
    """`[[group]]`: devices that belong together, such as the pumps of a set with its level and pressure sensors."""

    keystones = frozenset({"devices"})

    name: Id
    devices: Annotated[list[Id], Field(min_length=2, max_length=GROUP_MAX_DEVICES)]
    labels: LabelsTable | None = None
