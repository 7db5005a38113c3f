"""Numbers, rows and marks of the three streams on one SQLite connection.

Runs on the desk's thread only and knows no loop, no caps and no files. What it holds in memory follows the database:
a transaction that fails puts both back.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain, pairwise
from typing import Final

from edgeguard.core.alarm import Alarm
from edgeguard.core.clock import Stamp
from edgeguard.core.departure import YEAR_10000_MS
from edgeguard.core.ids import AlarmName, BootId, Epoch
from edgeguard.core.intervals import Intervals
from edgeguard.core.item import STREAMS, Backlog, Item, OutboxRow, Stream
from edgeguard.core.limits import ACK_SPANS_MAX, COMMAND_IDS_KEPT, DEAD_LETTERS_MAX, READ_CHUNK_ROWS
from edgeguard.core.outbox_limits import REFILL_BYTES, REFILL_ROWS
from edgeguard.core.rule_state import ARCHIVES, RuleState
from edgeguard.store import alarm_rows
from edgeguard.store.audit_chain import ERASED_BODY, AuditChain
from edgeguard.store.forms import Forms
from edgeguard.store.pages import Pages
from edgeguard.store.sql import AS_IT_LEAVES, INSERTS, ROW_VALUES, SQL, Record
from edgeguard.store.stream_state import Boot, StreamState
from edgeguard.store.sums import Beside, Sums
from edgeguard.store.trouble import NUMBERS_END, SPOILT, DamageError, interprets
from edgeguard.store.witness import Witness

_Value = int | bytes | None
_RUNS_APART: Final = 1 << 20
"""Boots that one outbox may see; with as many beginnings as keep every run within four bytes."""
_BEGINNINGS: Final = 1 << 11


class Ledger:
    """The outbox's content. Every method may raise sqlite3.Error; none leaves memory and file in disagreement."""

    @interprets("the outbox")
    def __init__(self, connection: sqlite3.Connection, witness: Witness, inode: int = 0) -> None:
        self.connection = connection
        self.witness = witness
        self.audit = AuditChain(connection)
        self._forms = Forms()
        self.inode = inode
        """Of the file that was opened, to notice when its name goes to another."""
        found = connection.execute("SELECT epoch FROM meta").fetchone()
        if found is None or not isinstance(found[0], str):
            raise DamageError("meta: it has no epoch")
        self.epoch = Epoch(found[0])
        self.sums = {stream: Sums(self.epoch, stream) for stream in STREAMS}
        self.streams: Mapping[Stream, StreamState] = {stream: self._load(stream) for stream in STREAMS}
        self.pages = Pages(connection)
        self.marks_dirty = False
        """Acknowledgements are known that the file does not have yet."""
        self._boots = tuple(
            Boot(run, BootId(name), offset)
            for run, name, offset in connection.execute("SELECT id, name, offset_ms FROM boots ORDER BY id").fetchall()
        )
        self._check_runs()

    def _load(self, stream: Stream) -> StreamState:
        marks = self.connection.execute(
            "SELECT floor, last, total, thinned, missing, missing_bytes FROM streams WHERE stream = ?", (stream,)
        ).fetchone()
        floor, last, total, thinned, missing, missing_bytes = marks or (0, 0, 0, 0, 0, 0)
        first, newest = self.connection.execute(SQL[stream].ends).fetchone()
        crc = self.sums[stream].start
        if newest is None and last == floor:
            first = last + 1
        elif newest is None or not last <= newest < NUMBERS_END or first > floor + 1:
            raise DamageError(f"{stream}: rows {first} to {newest} do not fit the marks {floor} and {last}")
        else:
            last = newest
            total = self.total_through(stream, newest)[0]
            beside, sums = self._beside(stream, newest)
            crc = self.sums[stream].ends(beside, sums)[1] if isinstance(sums, int) else crc
        spans = self.connection.execute("SELECT first_seq, last_seq FROM done WHERE stream = ?", (stream,)).fetchall()
        done = Intervals()
        for span_first, span_last in spans:
            done = done.add(span_first, min(span_last, last))
        return StreamState(floor, first, last, total, done.above(floor), thinned, missing, missing_bytes, crc)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, in the file and in memory. What went wrong in COMMIT itself may still be in the file."""
        before = streams, _, _ = self.streams, self.marks_dirty, self._boots
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self.streams, self.marks_dirty, self._boots = before
            if self.connection.in_transaction:
                with suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
            raise
        if self.streams is not streams:
            self.tell_witness(at_once=False)

    def tell_witness(self, *, at_once: bool) -> None:
        """Outside of a transaction: the last numbers are durable."""
        self.witness.see(self.epoch, {stream: state.last for stream, state in self.streams.items()}, at_once=at_once)

    # --- writing; inside a transaction

    def append(self, items: Sequence[Item]) -> tuple[int, ...]:
        """Give numbers and insert; the numbers in the order of `items`."""
        new: dict[Stream, list[Item]] = {}
        for item in items:
            own = new.get(item.stream)
            if own is None:
                own = new[item.stream] = []
            own.append(item)
        given = {stream: iter(self._append_to(stream, own)) for stream, own in new.items()}
        return tuple([next(given[item.stream]) for item in items])

    def _append_to(self, stream: Stream, items: Sequence[Item]) -> range:
        """Items of one stream; their numbers. A commit's rows are made here one by one: what this costs, every item costs."""
        state, sums_of, kept = self.streams[stream], self.sums[stream].of, self._forms.kept
        total, crc = state.total, state.crc
        boot, run = None, 0
        values: list[_Value] = []
        numbers = range(state.last + 1, state.last + 1 + len(items))
        for seq, item in zip(numbers, items, strict=True):
            at = item.at
            if at.boot != boot:
                boot, run = at.boot, self._run_of(at.boot)
            wall_ms, form, body = kept(stream, at, item.body)
            total += len(body)
            sums, crc = sums_of((seq, run, wall_ms, at.boot_ms, form), crc, body)
            values += (seq, run, wall_ms, at.boot_ms, form, total, body, sums)
        self._insert(stream, values)
        self._set(stream, state.grown(numbers[-1], total, crc))
        self.pages.appended(len(items), total - state.total)
        return numbers

    def _insert(self, stream: Stream, values: Sequence[_Value]) -> None:
        """By statements of 64, 32, 16 ... rows: at every step of SQLite Python's lock is let go and must be won again."""
        at = 0
        for rows, sql in INSERTS[stream]:
            bound = rows * ROW_VALUES
            while len(values) - at >= bound:
                self.connection.execute(sql, values[at : at + bound])
                at += bound

    def save_marks(self) -> None:
        """Write floors, last numbers and done spans."""
        for stream, state in self.streams.items():
            self.connection.execute(
                "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?)",
                (stream, state.floor, state.last, state.total, state.thinned, state.missing, state.missing_bytes),
            )
        self.connection.execute("DELETE FROM done")
        self.connection.executemany(
            "INSERT INTO done VALUES (?, ?, ?)",
            [(stream, *span) for stream, state in self.streams.items() for span in state.done.spans],
        )
        self.marks_dirty = False

    def remove_through(self, stream: Stream, seq: int) -> None:
        """Delete the rows up to `seq` and forget the boots that no row names any more; the floor rises to `seq` at least."""
        state = self.streams[stream]
        rows, size = self.content(stream, state.first, state.last)
        gone_rows, gone_size = self.content(stream, state.first, min(seq, state.last))
        self._delete_through(stream, seq, gone_rows)
        first = max(state.first, seq + 1)
        if first <= min(state.thinned, state.last):
            first = self.connection.execute(SQL[stream].next, (first,)).fetchone()[0]
        floor = state.done.reach(max(state.floor, first - 1))
        self._set(stream, replace(state, floor=floor, first=first, done=state.done.above(floor), missing=0, missing_bytes=0))
        self._count_missing(stream, rows - gone_rows, size - gone_size)
        self.save_marks()
        self._forget_boots()

    def _delete_through(self, stream: Stream, seq: int, gone_rows: int) -> None:
        """Where few rows are left it is much cheaper to empty the table and put them back: pages of a table that is emptied are
        given up unwritten, those of deleted rows are written once more. Events are overwritten, since they may tell of people."""
        if stream is Stream.EVENTS:
            with self.leaving_no_trace():
                self.connection.execute(SQL[stream].remove, (seq,))
            return
        left_rows, left_size = self.content(stream, max(seq, self.streams[stream].first - 1) + 1, self.streams[stream].last)
        if left_rows > min(REFILL_ROWS, gone_rows) or left_size > REFILL_BYTES:
            self.connection.execute(SQL[stream].remove, (seq,))
            return
        left = self.connection.execute(SQL[stream].rest, (seq,)).fetchall()
        self.connection.execute(SQL[stream].clear)
        self._insert(stream, tuple(chain.from_iterable(left)))

    def thin(self, stream: Stream, keep: Sequence[int]) -> None:
        """Of the rows from the first to the last in `keep`, which rises, delete all others; none behind it has been thinned yet."""
        state = self.streams[stream]
        first, last = keep[0], keep[-1]
        rows, size = self.content(stream, state.first, state.last)
        gone_rows, gone_size = self.content(stream, first, last)
        holes = [(low + 1, high - 1) for low, high in pairwise(keep) if high - low > 1]
        self.connection.executemany(SQL[stream].remove_between, holes)
        left_rows, left_size = self.connection.execute(SQL[stream].content, (first, last)).fetchone()
        self._set(stream, replace(state, thinned=last))
        self._count_missing(stream, rows - gone_rows + left_rows, size - gone_size + left_size)
        self.save_marks()

    def empty(self, stream: Stream, numbers: Sequence[int]) -> None:
        """Take out of these rows what they tell, and count them as done: the numbers stay given."""
        sums = self.sums[stream]
        for seq in numbers:
            _, run, wall_ms, boot_ms, form = self._beside(stream, seq)[0]
            if form == AS_IT_LEAVES:
                wall_ms, form = self.row(stream, seq).at.wall_ms, 1
            kept, _ = sums.of((seq, run, wall_ms, boot_ms, form), sums.start, ERASED_BODY)
            self.connection.execute(SQL[stream].empty, (wall_ms, form, ERASED_BODY, kept, seq))
        for seq in numbers:
            self.mark_done(stream, seq, seq)

    @contextmanager
    def leaving_no_trace(self) -> Iterator[None]:
        """What is deleted or replaced meanwhile is overwritten in the file: events may tell of people."""
        self.connection.execute("PRAGMA secure_delete = ON").fetchall()
        try:
            yield
        finally:
            self.connection.execute("PRAGMA secure_delete = FAST").fetchall()

    def _count_missing(self, stream: Stream, rows: int, size: int) -> None:
        """So many rows and bytes are left in the table: what the numbers promise beyond it is missing."""
        state = self.streams[stream]
        if rows:
            missing, nominal = state.last - state.first + 1 - rows, self.bytes_between(stream, state.first, state.last)
            self._set(stream, replace(state, missing=missing, missing_bytes=nominal - size))

    def save_alarms(self, alarms: Sequence[tuple[AlarmName, Alarm]]) -> None:
        """Keep the states; a state as new (normal, nothing pending) is kept by having none."""
        for name, alarm in alarms:
            if alarm == Alarm():
                self.connection.execute("DELETE FROM alarm_states WHERE name = ?", (name,))
                continue
            self.connection.execute(alarm_rows.INSERT, alarm_rows.row_of(name, alarm))

    def save_states(self, states: Sequence[RuleState]) -> None:
        """Keep what the rules remember; an empty body takes a state away."""
        newest = {state.key: state.body for state in states}
        gone = [key for key, body in newest.items() if not body]
        self.connection.executemany("DELETE FROM rule_states WHERE owner = ? AND name = ?", gone)
        kept = [(*key, body) for key, body in newest.items() if body]
        self.connection.executemany("INSERT OR REPLACE INTO rule_states VALUES (?, ?, ?)", kept)

    def load_states(self) -> dict[str, dict[str, bytes]]:
        """Bodies by name by owner, as last kept; without archives."""
        states: dict[str, dict[str, bytes]] = {}
        marks = ",".join("?" * len(ARCHIVES))
        for owner, name, body in self.connection.execute(
            f"SELECT owner, name, body FROM rule_states WHERE owner NOT IN ({marks}) ORDER BY owner, name",  # noqa: S608
            ARCHIVES,
        ):
            states.setdefault(owner, {})[name] = body
        return states

    def save_commands(self, commands: Sequence[tuple[str, int]], now_ms: int) -> None:
        """Remember ids until their wall time. The newest are kept beyond it: the wall clock may have leapt ahead, and come back."""
        self.connection.execute(
            "DELETE FROM command_ids WHERE expires_ms < ?"
            " AND id NOT IN (SELECT id FROM command_ids ORDER BY expires_ms DESC LIMIT ?)",
            (now_ms, COMMAND_IDS_KEPT),
        )
        self.connection.executemany("INSERT OR REPLACE INTO command_ids VALUES (?, ?)", commands)

    @interprets("command_ids")
    def load_commands(self) -> dict[str, int]:
        """Remembered ids with the wall time until which they count."""
        return {str(name): int(expires) for name, expires in self.connection.execute("SELECT id, expires_ms FROM command_ids")}

    def park(self, stream: Stream, first: int, last: int, reason: str) -> int:
        """Copy what is still to be delivered of a range to the dead letters and count it as done; gives the number of rows.

        Of rows that the disk has changed this is the reason.
        """
        state = self.streams[stream]
        parked = 0
        for hole_first, hole_last in state.holes(first, last):
            parked += self.connection.execute(SQL[stream].bury, (stream, reason, hole_first, hole_last)).rowcount
            buried = [
                (row.at.wall_ms, reason if row.sound else SPOILT, stream, row.seq)
                for row in self.beginning_with(b"", stream, hole_first, hole_last)
            ]
            self.connection.executemany("UPDATE dead_letters SET wall_ms = ?, reason = ? WHERE stream = ? AND seq = ?", buried)
        self.mark_done(stream, first, last)
        self.save_marks()
        self.connection.execute(
            "DELETE FROM dead_letters WHERE id <= (SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (DEAD_LETTERS_MAX,),
        )
        return parked

    def set_boot_offset(self, name: BootId, offset_ms: int | None) -> None:
        """Every run of this boot, past and to come, gets its true wall time by `offset_ms`; None: none that is to come."""
        if offset_ms is None:
            if self._offset_of(name) is not None:
                self._begin_run(name, None)
            return
        self._run_of(name)
        self.connection.execute("UPDATE boots SET offset_ms = ? WHERE name = ?", (offset_ms, name))
        self._boots = tuple(replace(boot, offset_ms=offset_ms) if boot.name == name else boot for boot in self._boots)

    # --- marking; in memory until marks are saved

    def mark_done(self, stream: Stream, first: int, last: int) -> None:
        """Numbers never given are left out; those missing right below `first` are done with it."""
        state = self.streams[stream]
        if first <= state.thinned:
            below = self.connection.execute(SQL[stream].before, (first,)).fetchone()[0]
            first = state.floor + 1 if below is None else below + 1
        done = state.done.add(max(first, state.floor + 1), min(last, state.last))
        if done is state.done:
            return
        floor = done.reach(state.floor)
        self._set(stream, replace(state, floor=floor, done=done.above(floor).longest(ACK_SPANS_MAX)))
        self.marks_dirty = True

    def adopt_marks(self, streams: Mapping[Stream, StreamState]) -> None:
        """Take over what was done before the same file was opened again."""
        for stream, state in streams.items():
            self.mark_done(stream, 1, state.floor)
            for first, last in state.done.spans:
                self.mark_done(stream, first, last)

    # --- reading

    @interprets("a row")
    def read(self, stream: Stream, after: int, limit_rows: int, limit_bytes: int, through: int | None) -> tuple[OutboxRow, ...]:
        """What `core.ports.Outbox.read` promises. Raises DamageError if a row is missing that must be there."""
        rows: list[OutboxRow] = []
        size = 0
        thinned = self.streams[stream].thinned
        for first, last in self.streams[stream].holes(after + 1, through):
            expected = first
            cursor = self.connection.execute(SQL[stream].select, (first, last, max(limit_rows, 1) - len(rows)))
            while records := cursor.fetchmany(READ_CHUNK_ROWS):
                for record in records:
                    if record[0] != expected and record[0] > thinned:
                        raise DamageError(f"{stream}: row {expected} is missing")
                    row = self._row(stream, record)
                    size += len(row.body)
                    if rows and size > limit_bytes:
                        cursor.close()
                        return tuple(rows)
                    rows.append(row)
                    expected = record[0] + 1
            if len(rows) >= limit_rows:
                break
            if expected <= last and last >= thinned:
                raise DamageError(f"{stream}: row {expected} is missing")
        return tuple(rows)

    @interprets("a row")
    def beginning_with(self, mark: bytes, stream: Stream, first: int, last: int) -> tuple[OutboxRow, ...]:
        """Those of these rows whose body begins so, in order."""
        found = self.connection.execute(SQL[stream].marked, (first, last, len(mark), mark)).fetchall()
        return tuple(self._row(stream, record) for record in found)

    @interprets("a row")
    def row(self, stream: Stream, seq: int) -> OutboxRow:
        """The row of a number, done or not; of one that was thinned the next. Raises DamageError if it is not there."""
        record = self.connection.execute(SQL[stream].select, (seq, max(seq, self.streams[stream].thinned), 1)).fetchone()
        if record is None:
            raise DamageError(f"{stream}: row {seq} is missing")
        return self._row(stream, record)

    def backlog(self, stream: Stream) -> Backlog:
        """What `core.ports.Outbox.backlog` promises."""
        state = self.streams[stream]
        oldest = next((self.row(stream, first) for first, _ in state.holes()), None)
        rows, size = self.content(stream, state.first, state.last)
        for done in ((state.first, state.floor), *state.done.spans):
            done_rows, done_size = self.content(stream, *done)
            rows, size = rows - done_rows, size - done_size
        return Backlog(
            stream=stream,
            rows=rows,
            bytes=size,
            first_seq=oldest.seq if oldest else None,
            last_seq=state.last,
            oldest_at=oldest.at if oldest else None,
            dead=self.connection.execute("SELECT count(*) FROM dead_letters WHERE stream = ?", (stream,)).fetchone()[0],
        )

    def content(self, stream: Stream, first: int, last: int) -> tuple[int, int]:
        """Rows in the table from one number to another, and bytes of their bodies; walked through only where some are missing."""
        state = self.streams[stream]
        if first > last:
            return 0, 0
        if (first, last) == (state.first, state.last):
            return state.rows, self.bytes_between(stream, first, last) - state.missing_bytes
        if first > state.thinned or not state.missing:
            return last - first + 1, self.bytes_between(stream, first, last)
        rows, size = self.connection.execute(SQL[stream].content, (first, min(last, state.thinned))).fetchone()
        more_rows, more_size = self.content(stream, state.thinned + 1, last)
        return rows + more_rows, size + more_size

    def bytes_between(self, stream: Stream, first: int, last: int) -> int:
        """Body bytes of rows that are in the table, both ends included."""
        total, length = self.total_through(stream, first)
        return self.total_through(stream, last)[0] - total + length

    @interprets("alarm_states")
    def load_alarms(self) -> dict[AlarmName, Alarm]:
        """The states as last kept, with the true time where it has become known since; when a delay was seen is not kept."""
        rows = self.connection.execute(alarm_rows.SELECT).fetchall()
        return dict(alarm_rows.alarm_of(row, self._true_time) for row in rows)

    def used_bytes(self) -> int:
        """Bytes of the pages in use, without those that wait to be used again."""
        return self.pages.used_bytes()

    # --- inner parts

    def _set(self, stream: Stream, state: StreamState) -> None:
        self.streams = {**self.streams, stream: state}

    @interprets("a total")
    def total_through(self, stream: Stream, seq: int) -> tuple[int, int]:
        """The row's running total, and the length of its body."""
        found = self.connection.execute(SQL[stream].total, (seq,)).fetchone()
        if found is None:
            raise DamageError(f"{stream}: row {seq} is missing")
        return int(found[0]), int(found[1])

    def _beside(self, stream: Stream, seq: int) -> tuple[Beside, object]:
        """What a row that is there says beside its item, and its sums."""
        seq, run, wall_ms, boot_ms, form, _, sums = self.connection.execute(SQL[stream].select, (seq, seq, 1)).fetchone()
        return (seq, run, wall_ms, boot_ms, form), sums

    def knows_run(self, run: int) -> bool:
        """Whether a row of this outbox may name it."""
        return bool(self._boots) and 0 <= run - self._boots[0].run < len(self._boots)

    def _run_of(self, name: BootId) -> int:
        """The newest run if it is of this boot, else a new one: so runs rise with the rows and old ones can be forgotten."""
        if self._boots and self._boots[-1].name == name:
            return self._boots[-1].run
        return self._begin_run(name, self._offset_of(name))

    def _begin_run(self, name: BootId, offset_ms: int | None) -> int:
        run = self._boots[-1].run + 1 if self._boots else self._first_run()
        boot = Boot(run, name, offset_ms)
        self.connection.execute("INSERT INTO boots VALUES (?, ?, ?)", (boot.run, boot.name, boot.offset_ms))
        self._boots = (*self._boots, boot)
        return run

    def _first_run(self) -> int:
        return int(self.epoch[:8], 16) % _BEGINNINGS * _RUNS_APART + 1

    def _check_runs(self) -> None:
        """Runs are complete and of this epoch, and the outermost rows name one of them."""
        runs = [boot.run for boot in self._boots]
        if runs and not (runs[-1] - runs[0] == len(runs) - 1 and 0 <= runs[0] - self._first_run() < _RUNS_APART):
            raise DamageError(f"boots: runs {runs[0]} to {runs[-1]} are not those of this outbox")
        for stream, state in self.streams.items():
            if state.rows:
                self.row(stream, state.first)
                self.row(stream, state.last)

    def _forget_boots(self) -> None:
        if len(self._boots) < 2:
            return
        oldest = [self._boots[-1].run]
        for stream, state in self.streams.items():
            if state.rows > 0:
                oldest.append(self.connection.execute(SQL[stream].boot, (state.first,)).fetchone()[0])
        self.connection.execute("DELETE FROM boots WHERE id < ?", (min(oldest),))
        self._boots = tuple(boot for boot in self._boots if boot.run >= min(oldest))

    def _offset_of(self, name: BootId) -> int | None:
        return next((boot.offset_ms for boot in reversed(self._boots) if boot.name == name), None)

    def _row(self, stream: Stream, record: Record) -> OutboxRow:
        seq, run, wall_ms, boot_ms, synced, body, sums = record
        if not self.knows_run(run):
            raise DamageError(f"{stream}: row {seq} names an unknown boot {run}")
        if not isinstance(body, bytes):
            raise DamageError(f"{stream}: row {seq} holds no item")
        sound = sums is None or self.sums[stream].fit((seq, run, wall_ms, boot_ms, synced), sums, body)
        boot = self._boots[run - self._boots[0].run]
        wall_ms, body = self._forms.read(wall_ms, synced, body)
        if not (synced or boot.offset_ms is None):
            wall_ms, synced = boot_ms + boot.offset_ms, 1
        if not sound and not 0 <= wall_ms < YEAR_10000_MS:
            wall_ms = 0  # a time that nobody could write down
        return OutboxRow(stream, seq, Stamp(wall_ms, boot_ms, boot.name, bool(synced)), body, sound)

    def _true_time(self, at: Stamp) -> Stamp:
        offset = None if at.synced else self._offset_of(at.boot)
        return at if offset is None else replace(at, wall_ms=at.boot_ms + offset, synced=True)
