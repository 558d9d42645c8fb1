"""What a transaction has looked up: names, earlier facts, books. Filled set by set, never row by row."""

from collections.abc import Collection, Iterable, Sequence, Set

from services.intake.domain.reading import name_of
from services.intake.domain.verdict import Registered, Target
from services.intake.handlers.facts_in import IncomingFact, target_from
from services.intake.store import books, ledger, quarantine, registry
from shared.db.port import Tx
from shared.kernel.days import Day

_BOOK = "book "
_FACT = "fact "
_CLIENT = "client "


class View:
    """What is known, as seen and held by one transaction."""

    def __init__(self) -> None:
        """Know nothing."""
        self.known: dict[str, Registered] = {}
        self.sought: set[str] = set()
        """Event ids that facts refer to: few facts do, so no other one is kept as a target."""
        self.targets: dict[str, Target] = {}
        self.open_days: dict[str, Day] = {}
        """Book -> its open day, of the books that are held."""
        self.looked: set[str] = set()
        """Names that were looked up or held, whether they are known or not."""

    def note(self, name: str, client: str, currency: str, fact: str) -> None:
        """A name is known."""
        self.known[name] = Registered(client, currency, fact)

    def unseen(self, names: Iterable[str]) -> set[str]:
        """Return the names that nobody has looked up yet."""
        return set(names) - self.looked


async def look_up(tx: Tx, view: View, facts: Sequence[IncomingFact], *, released: bool = False) -> None:
    """Look up what these facts name, hold their books shared, their clients and what they lack alone.

    `released` facts come from quarantine, where their own locked rows already keep others out: what they still lack
    is read and not locked, so that two transactions that each bring one half of it cannot stand in each other's way.
    """
    readings = [fact.reading for fact in facts]
    names = {name for reading in readings for name in reading.needs}
    names.update(reading.registers for reading in readings if reading.registers)
    referring = [reading for reading in readings if reading.refers]
    earlier = {one for reading in referring for one in (reading.refers, reading.refers_directly) if one}
    names = names - view.known.keys() if released else view.unseen(names)
    await look_up_names(tx, view, names, facts, released=released)
    if earlier:
        await look_up_facts(tx, view, earlier)


async def look_up_names(
    tx: Tx, view: View, names: Set[str], facts: Sequence[IncomingFact] = (), *, released: bool = False
) -> None:
    """Look up names; see `look_up`. `facts` are those whose clients are to be locked."""
    view.looked.update(names)
    wanted = names - view.known.keys()
    await _share_books(tx, view, wanted)
    if others := [name for name in wanted if not name.startswith(_BOOK)]:
        view.known |= await registry.read(tx, others)
    missing = wanted - view.known.keys()
    if missing:
        await registry.hold_places(tx, missing)
    reading = {fact.reading.registers for fact in facts if fact.reading.registers}
    if not released:
        reading |= missing
    clients = _client_names(view, facts)
    if not released and reading:
        # Merges that wait for a client go on under the keys of others: their rows are locked with the first ones, in
        # one order, so that two clients that wait for each other can arrive at the same time.
        clients |= await quarantine.merging(tx, {name for name in reading if name.startswith(_CLIENT)})
    if reading:
        view.known |= await registry.lock(tx, clients | reading)
    elif clients:
        await registry.hold(tx, clients)
    if released and missing:
        view.known |= await registry.read(tx, missing)
    # A book that was opened while this transaction waited for its name is still to be held shared.
    await _share_books(tx, view, missing & view.known.keys())


async def look_up_facts(tx: Tx, view: View, event_ids: Collection[str]) -> None:
    """Look up earlier facts, and make sure that those not there cannot be missed when they arrive."""
    view.looked.update(_FACT + one for one in event_ids)
    view.sought.update(event_ids)
    await _read_facts(tx, view, event_ids)
    missing = [one for one in event_ids if one not in view.targets]
    if missing:
        await ledger.meet(tx, missing)
        await _read_facts(tx, view, missing)


async def _read_facts(tx: Tx, view: View, event_ids: Collection[str]) -> None:
    for row in await ledger.targets(tx, event_ids):
        view.targets[row[0]] = target_from(*row)


async def _share_books(tx: Tx, view: View, names: Iterable[str]) -> None:
    ids = [name.removeprefix(_BOOK) for name in names if name.startswith(_BOOK)]
    if ids:
        for row in await books.share(tx, ids):
            view.note(name_of("book", row.book), "", row.base_currency, "")
            view.open_days[row.book] = books.open_day(row)


def _client_names(view: View, facts: Sequence[IncomingFact]) -> set[str]:
    """Return the names of the clients under whose keys these facts go, as far as they are known by now."""
    found = set()
    for fact in facts:
        reading = fact.reading
        subject = view.known.get(reading.subject_name)
        if client := reading.client or (subject.client if subject else ""):
            found.add(f"client {reading.book} {client}")
    return found
