"""The commands that a platform may give over MQTT: arguments and result of each, in one table for daemon, schemas and docs.

Many are what a person may ask on the control socket; the others have a row of the same form here. A command that is not in the
table does not exist, and one that is works only where `[commands] allow` names it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from edgeguard.control import methods
from edgeguard.control.command_views import (
    BarrierView,
    ConfigPutView,
    ConfigView,
    DiagView,
    HistoryRateView,
    RestartView,
    SnapshotView,
)
from edgeguard.control.gate_views import GateListView
from edgeguard.control.methods import Method
from edgeguard.core.command import CommandName

_PUT: Final[Mapping[str, methods.Parameter]] = MappingProxyType(
    {"file": methods.Parameter(methods.Kind.PAGE), "base": methods.Parameter(methods.Kind.TEXT)}
)
_RATE: Final[Mapping[str, methods.Parameter]] = MappingProxyType(
    {"items_per_s": methods.Parameter(methods.Kind.NUMBER, required=False)}
)
_CAMERA: Final[Mapping[str, methods.Parameter]] = MappingProxyType({"camera": methods.Parameter(methods.Kind.TEXT)})
_NOTHING: Final[Mapping[str, methods.Parameter]] = MappingProxyType({})

COMMANDS: Final[Mapping[str, Method[Any]]] = MappingProxyType(
    {
        CommandName.READ: methods.READ,
        CommandName.WRITE: methods.WRITE,
        CommandName.ACK: methods.ACK,
        CommandName.REACTION: methods.REACTION,
        CommandName.SHELVE: methods.SHELVE,
        CommandName.UNSHELVE: methods.UNSHELVE,
        CommandName.OUT_OF_SERVICE: methods.OUT_OF_SERVICE,
        CommandName.IN_SERVICE: methods.IN_SERVICE,
        CommandName.BARRIER: Method("barrier", BarrierView, methods.BARRIER_PARAMETERS, writes=True),
        CommandName.GATE_LIST: Method("gate.list", GateListView, methods.GATE_LIST_PARAMETERS, writes=True),
        CommandName.CONFIG_GET: Method("config.get", ConfigView, _NOTHING),
        CommandName.CONFIG_PUT: Method("config.put", ConfigPutView, _PUT, writes=True),
        CommandName.DIAG: Method("diag", DiagView, _NOTHING),
        CommandName.HISTORY_RATE: Method("history.rate", HistoryRateView, _RATE, writes=True),
        CommandName.RELOAD: methods.RELOAD,
        CommandName.RESTART: Method("restart", RestartView, _NOTHING, writes=True),
        CommandName.SNAPSHOT: Method("snapshot", SnapshotView, _CAMERA, writes=True),
    }
)
"""By name. `by` is filled in by the daemon and is no argument of a command."""
