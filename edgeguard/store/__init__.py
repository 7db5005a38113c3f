"""The outbox in SQLite: one writer, one thread, nothing accepted before it is durable.

Knows no broker and no device; bodies are bytes to it, apart from the gap records that it writes itself. The only user of
SQLite in the house.
"""

from edgeguard.store.audit import AuditRow, AuditVerdict, read_audit, verify_audit
from edgeguard.store.audit_chain import audit_body
from edgeguard.store.backup import Copied, Restored, backup, restore
from edgeguard.store.erasing import files_holding
from edgeguard.store.figures import StoreFigures
from edgeguard.store.lock import StateLock
from edgeguard.store.pending import Batch
from edgeguard.store.rule_archive import read_states
from edgeguard.store.store import Store
from edgeguard.store.trend_reader import TrendReader, open_history
from edgeguard.store.trends import TrendFigures, TrendStore

__all__ = [
    "AuditRow",
    "AuditVerdict",
    "Batch",
    "Copied",
    "Restored",
    "StateLock",
    "Store",
    "StoreFigures",
    "TrendFigures",
    "TrendReader",
    "TrendStore",
    "audit_body",
    "backup",
    "files_holding",
    "open_history",
    "read_audit",
    "read_states",
    "restore",
    "verify_audit",
]
