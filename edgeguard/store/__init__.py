"""The outbox in SQLite: one writer, one thread, nothing accepted before it is durable.

Knows no broker and no device; bodies are bytes to it, apart from the gap records that it writes itself. The only user of
SQLite in the house.
"""

from edgeguard.store.audit import AuditRow, AuditVerdict, read_audit, verify_audit
from edgeguard.store.audit_chain import audit_body
from edgeguard.store.figures import StoreFigures
from edgeguard.store.lock import StateLock
from edgeguard.store.pending import Batch
from edgeguard.store.store import Store

__all__ = [
    "AuditRow",
    "AuditVerdict",
    "Batch",
    "StateLock",
    "Store",
    "StoreFigures",
    "audit_body",
    "read_audit",
    "verify_audit",
]
