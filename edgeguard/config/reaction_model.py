"""The table of a reaction as pydantic sees it."""

from typing import Annotated

from pydantic import Field

from edgeguard.config.fields import Id, Limit, ReportTime
from edgeguard.config.mistakes import Table
from edgeguard.core.limits import CONDITION_CHARS, INTERLOCK_CONDITIONS
from edgeguard.core.reaction import Mode, Until
from edgeguard.core.rule_limits import REACTION_RETRIES_MAX, REACTIONS_PER_HOUR_MAX

Enum = Field(strict=False)


class ReactionTable(Table):
    """`[[reaction]]`: an alarm that acts on an output of this site. Off unless `mode` says otherwise."""

    keystones = frozenset({"alarm", "target", "value"})

    name: Id
    alarm: Annotated[str, Field(max_length=200)]
    target: Annotated[str, Field(max_length=200)]
    value: Limit
    reset: Limit | None = None
    mode: Annotated[Mode, Enum] = Mode.OFF
    until: Annotated[Until, Enum] = Until.NORMAL
    requires: Annotated[list[Annotated[str, Field(max_length=CONDITION_CHARS)]], Field(max_length=INTERLOCK_CONDITIONS)] = Field(
        default_factory=list
    )
    min_on: ReportTime = 0
    min_off: ReportTime = 0
    per_hour: Annotated[int, Field(ge=1, le=REACTIONS_PER_HOUR_MAX)] = 6
    longest: ReportTime | None = None
    retries: Annotated[int, Field(ge=0, le=REACTION_RETRIES_MAX)] = 3
