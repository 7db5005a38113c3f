"""The outbox in SQLite: one writer, one thread, nothing accepted before it is durable.

Knows no broker and no device; bodies are bytes to it, apart from the gap records that it writes itself. The only user of
SQLite in the house.
"""

from edgeguard.store.audit import AuditRow, AuditVerdict, read_audit, verify_audit
from edgeguard.store.audit_carry import AuditCarried
from edgeguard.store.audit_chain import audit_body
from edgeguard.store.backup import Copied, Restored, Restoring, backup, restore
from edgeguard.store.copies import is_gone, known_copies, note_copy
from edgeguard.store.erase_job import EraseJob, forget_job, note_job, pending_job
from edgeguard.store.figures import StoreFigures
from edgeguard.store.lock import StateLock
from edgeguard.store.pending import Batch
from edgeguard.store.rule_archive import read_states
from edgeguard.store.store import Store
from edgeguard.store.traces import files_holding, unread_pictures
from edgeguard.store.trend_reader import TrendReader, open_history
from edgeguard.store.trends import TrendFigures, TrendStore

__all__ = [
    "AuditCarried",
    "AuditRow",
    "AuditVerdict",
    "Batch",
    "Copied",
    "EraseJob",
    "Restored",
    "Restoring",
    "StateLock",
    "Store",
    "StoreFigures",
    "TrendFigures",
    "TrendReader",
    "TrendStore",
    "audit_body",
    "backup",
    "files_holding",
    "forget_job",
    "is_gone",
    "known_copies",
    "note_copy",
    "note_job",
    "open_history",
    "pending_job",
    "read_audit",
    "read_states",
    "restore",
    "unread_pictures",
    "verify_audit",
]
