"""Whose a database is: it belongs to one service and to one log, the first ones that it was run with.

Positions in it are places in that log, and its outbox goes there. Another system on the same database, by a wrong
setting or a copied file, would skip facts of one and send those of the other: it is refused before it does anything.
"""

from sqlalchemy import delete, select

from shared.db.house import HouseTables
from shared.db.port import Tx


class OtherInstallation(Exception):
    """The database belongs to another service, or to another log."""


async def belong(tx: Tx, house: HouseTables, service: str, log: str) -> None:
    """Let a database belong to a service and its log if it belongs to none yet; OtherInstallation when to others."""
    table = house.installation
    rows = await tx.rows(select(table.c.service, table.c.log))
    if not rows:
        await tx.insert_new(table, ("service", "log"), [(service, log)], ("service",))
        return
    for kept_service, kept_log in rows:
        if kept_service != service:
            raise OtherInstallation(
                f"the database of {service} belongs to {kept_service}: give each service one of its own "
                "(TOCSIN_DATABASE_URL)"
            )
        if kept_log != log:
            raise OtherInstallation(
                f"the database of {service} belongs to another system: its log is {kept_log}, and this is {log}. Give "
                "this system databases of its own, or the log that belongs to them; after a restore onto a new log, "
                "see docs/operate.md (Another system)"
            )


async def leave(tx: Tx, house: HouseTables) -> int:
    """Let a database belong to the next service and log that it is run with; return how many it belonged to."""
    return await tx.execute(delete(house.installation))
