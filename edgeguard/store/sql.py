"""The statements on a stream's table, one set per stream: a table's name cannot be a parameter, so it is put in here alone."""

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

from edgeguard.core.departure import PLAIN_FROM
from edgeguard.core.item import STREAMS

ROW_VALUES: Final = 8
"""seq, boot, wall_ms, boot_ms, synced, total, body, sums"""
_ROW: Final = f"({', '.join('?' * ROW_VALUES)})"
INSERT_ROWS: Final = (64, 32, 16, 8, 4, 2, 1)
"""How many rows one statement may insert."""
Record = tuple[int, int, int, int, int, bytes, int | None]
"""seq, boot, wall_ms, boot_ms, synced, body, sums: a row as `StreamSql.select` gives it.

`synced` is 2 where the time is trusted and `body` is the item as it leaves (`core.departure.Departures.plain`); its time is
in `body` then, and `wall_ms` is 0.
"""
AS_IT_LEAVES: Final = 2


@dataclass(frozen=True, slots=True)
class StreamSql:
    """What is done with one stream's table; the parameters are named in the order in which they are bound."""

    select: str
    """first, last, limit"""
    pack: str
    """first, last; gives those of these rows that are kept as they leave, joined by commas in the order of seq, and what the
    first and the last one say beside it: seq, boot, wall_ms, boot_ms, synced, sums, with blanks between, NULL without sums"""
    fit: str
    """first, last, bound; the last seq of a range with `total` + seq within the bound"""
    totals: str
    """To be followed by a list of seqs in brackets, rising; gives total and length of the body of these rows, as far as they are
    there, in one text with commas between all numbers"""
    ends: str
    """Lowest and highest seq, both NULL if there is no row."""
    total: str
    """seq; gives the running total and the length of the body"""
    beyond: str
    """first, last, total: the first seq of a range whose running total is at least `total`"""
    boot: str
    """seq; gives the run of its boot"""
    bury: str
    """stream, reason, first, last"""
    remove: str
    """last"""
    rest: str
    """seq; gives whole rows behind it, as they are inserted"""
    clear: str
    """Empties the table."""
    remove_between: str
    """first, last"""
    empty: str
    """wall_ms, synced, body, sums, seq"""
    marked: str
    """first, last, length of the mark, mark: rows, as `select` gives them, whose bodies begin with the mark"""
    content: str
    """first, last; gives the rows that are there and the bytes of their bodies"""
    next: str
    """seq; gives the seq of the first row from there on"""
    before: str
    """seq; gives the last row before it, NULL if there is none"""


_TEMPLATE: Final = StreamSql(
    select="SELECT seq, boot, wall_ms, boot_ms, synced, body, sums FROM STREAM WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
    pack="SELECT CAST(group_concat(body) AS BLOB),"
    " (SELECT seq || ' ' || boot || ' ' || wall_ms || ' ' || boot_ms || ' ' || synced || ' ' || sums FROM STREAM WHERE seq = ?1),"
    " (SELECT seq || ' ' || boot || ' ' || wall_ms || ' ' || boot_ms || ' ' || synced || ' ' || sums FROM STREAM WHERE seq = ?2)"
    " FROM STREAM WHERE seq BETWEEN ?1 AND ?2 AND synced = 2",
    fit="SELECT max(seq) FROM STREAM WHERE seq BETWEEN ? AND ? AND total + seq <= ?",
    totals="SELECT group_concat(total || ',' || length(body)) FROM STREAM WHERE seq IN",
    ends="SELECT (SELECT min(seq) FROM STREAM), (SELECT max(seq) FROM STREAM)",
    total="SELECT total, length(body) FROM STREAM WHERE seq = ?",
    beyond="SELECT seq FROM STREAM WHERE seq BETWEEN ? AND ? AND total >= ? ORDER BY seq LIMIT 1",
    boot="SELECT boot FROM STREAM WHERE seq = ?",
    bury="INSERT OR REPLACE INTO dead_letters (stream, seq, reason, wall_ms, body, boot, boot_ms, synced)"
    " SELECT ?, seq, ?, iif(synced, wall_ms, coalesce(boot_ms + offset_ms, wall_ms)),"
    " iif(synced = 2, CAST('{' || substr(body, PLAIN_FROM) AS BLOB), body), name, boot_ms, synced OR offset_ms IS NOT NULL"
    " FROM STREAM LEFT JOIN boots ON boots.id = boot WHERE seq BETWEEN ? AND ?",
    remove="DELETE FROM STREAM WHERE seq <= ?",
    rest="SELECT seq, boot, wall_ms, boot_ms, synced, total, body, sums FROM STREAM WHERE seq > ? ORDER BY seq",
    clear="DELETE FROM STREAM",
    remove_between="DELETE FROM STREAM WHERE seq BETWEEN ? AND ?",
    empty="UPDATE STREAM SET wall_ms = ?, synced = ?, body = ?, sums = ? WHERE seq = ?",
    marked="SELECT seq, boot, wall_ms, boot_ms, synced, body, sums FROM STREAM WHERE seq BETWEEN ? AND ?"
    " AND substr(body, 1, ?) = ? ORDER BY seq",
    content="SELECT count(*), coalesce(sum(length(body)), 0) FROM STREAM WHERE seq BETWEEN ? AND ?",
    next="SELECT min(seq) FROM STREAM WHERE seq >= ?",
    before="SELECT max(seq) FROM STREAM WHERE seq < ?",
)


def _for_table(table: str) -> StreamSql:
    return StreamSql(
        *(
            getattr(_TEMPLATE, field.name).replace("STREAM", table).replace("PLAIN_FROM", str(PLAIN_FROM))
            for field in fields(StreamSql)
        )
    )


SQL: Final = MappingProxyType({stream: _for_table(stream.value) for stream in STREAMS})
"""Statements by stream; the tables have the streams' names."""

INSERTS: Final = MappingProxyType(
    {
        stream: tuple((rows, f"INSERT INTO {stream.value} VALUES {', '.join([_ROW] * rows)}") for rows in INSERT_ROWS)  # noqa: S608
        for stream in STREAMS
    }
)
"""By stream and, falling, by how many rows: what inserts so many, bound one behind the other (see ROW_VALUES)."""
