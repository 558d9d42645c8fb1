"""Keeping people, teams, endpoints and routes: one by one over HTTP, or all at once as a file says."""

from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel

from services.notify.domain.provisioning import Provisioned
from services.notify.store import directory
from services.notify.store.directory import Entry, body_of
from shared.db.port import Tx

FILE, HTTP = "file", "http"


class Kept(StrEnum):
    """What became of an entry."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    OTHER_VERSION = "other_version"
    """It has another version than the one that was seen: nothing was changed."""
    OF_FILE = "of_file"
    """The provisioning file keeps it: nothing was changed, for the next start would undo it."""
    UNKNOWN = "unknown"


class Put(NamedTuple):
    """What became of putting an entry, and the entry as it is."""

    kept: Kept
    entry: Entry | None


def _matches(entry: Entry | None, if_match: str | None) -> bool:
    if if_match is None:
        return True
    return entry is not None and if_match.strip() in ("*", f'"{entry.version}"')


async def put_entry(tx: Tx, kind: str, name: str, shape: BaseModel, if_match: str | None) -> Put:
    """Create or replace an entry; `if_match` is the version that was seen."""
    entry = await directory.entry_named(tx, kind, name, lock=True)
    if not _matches(entry, if_match):
        return Put(Kept.OTHER_VERSION, entry)
    if entry is not None and entry.origin == FILE:
        return Put(Kept.OF_FILE, entry)
    body = body_of(shape)
    if entry is not None and entry.body == body:
        return Put(Kept.UNCHANGED, entry)
    after = Entry(kind, name, entry.version + 1 if entry is not None else 1, HTTP, body, tx.now)
    await directory.save_entries(tx, [after])
    return Put(Kept.CHANGED if entry is not None else Kept.CREATED, after)


async def remove_entry(tx: Tx, kind: str, name: str, if_match: str | None) -> Put:
    """Remove an entry; routes and teams that name it lead there no more."""
    entry = await directory.entry_named(tx, kind, name, lock=True)
    if entry is None:
        return Put(Kept.UNKNOWN, None)
    if not _matches(entry, if_match):
        return Put(Kept.OTHER_VERSION, entry)
    if entry.origin == FILE:
        return Put(Kept.OF_FILE, entry)
    await directory.remove_entries(tx, kind, [name])
    return Put(Kept.REMOVED, entry)


class Converged(NamedTuple):
    """How many entries a file created, changed, removed, and found as it says."""

    created: int
    changed: int
    removed: int
    unchanged: int


async def converge(tx: Tx, provisioned: Provisioned) -> Converged:
    """Bring the directory to what a file says: applied twice it changes nothing.

    What it names it keeps from now on. What came from a file before and is not named any more goes; what was put over
    HTTP stays.
    """
    there = {(entry.kind, entry.id): entry for entry in await directory.all_entries(tx)}
    written: list[Entry] = []
    unchanged = created = 0
    named: set[tuple[str, str]] = set()
    for kind, shapes in provisioned.by_kind().items():
        for name, shape in shapes.items():
            named.add((kind, name))
            entry, body = there.get((kind, name)), body_of(shape)
            if entry is not None and entry.body == body and entry.origin == FILE:
                unchanged += 1
                continue
            created += entry is None
            written.append(Entry(kind, name, entry.version + 1 if entry is not None else 1, FILE, body, tx.now))
    await directory.save_entries(tx, written)
    gone = [place for place, entry in there.items() if entry.origin == FILE and place not in named]
    for kind in provisioned.by_kind():
        await directory.remove_entries(tx, kind, [name for of, name in gone if of == kind])
    return Converged(created, len(written) - created, len(gone), unchanged)
