"""Reminders: an alert that nobody acknowledged in the policy's time is told again, once for each level."""

from services.notify.domain.delivery import Purpose
from services.notify.handlers.desk import Desk
from services.notify.handlers.telling import about_of, count_held, planner_now, rows_of
from services.notify.store import alerts, notices
from shared.db.port import Tx

_MOST = 500


async def remind(tx: Tx, desk: Desk) -> int:
    """Plan what is due; return how many reminders that were."""
    due = await notices.due_reminders(tx, tx.now, _MOST)
    if not due:
        return 0
    known = await alerts.alerts_with_ids(tx, {one.alert for one in due})
    told = await notices.told_of(tx, {one.alert for one in due})
    planner = await planner_now(tx, desk)
    ended, written = [], []
    for reminder in due:
        alert = known[reminder.alert]
        latest = alert.latest
        if latest.state != "open" or latest.level != reminder.level:
            outcome = "over"
        elif alert.acknowledged:
            outcome = "acknowledged"
        else:
            outcome = "reminded"
            planned = planner.remind(about_of(latest), told.get(reminder.alert, ()))
            written += rows_of(tx, Purpose.REMINDER, reminder.alert, latest.revision, planned)
        ended.append(reminder._replace(outcome=outcome))
    await notices.add_notices(tx, written)
    await notices.end_reminders(tx, ended)
    count_held(written)
    return len(due)
