"""What is left to do in a world: records not digested, rows not sent, marks, messages, surveys."""

from tests.support.simulator.world import SERVICES, World

_WORK = {
    "risk": {"marks": "SELECT count(*) FROM mark"},
    "notify": {
        "notices": "SELECT count(*) FROM notice WHERE state = 'waiting'",
        "messages": "SELECT count(*) FROM message WHERE state IN ('waiting', 'sending')",
    },
    "feedback": {
        "surveys": "SELECT count(*) FROM survey s WHERE state = 'waiting' AND ready_on <= "
        "(SELECT min(closed_through) FROM book_lane l WHERE l.book = s.book)",
    },
}


def left_to_do(world: World) -> dict[str, int]:
    """Return how much is left, by place; nothing: the world is at rest."""
    left: dict[str, int] = {}
    for service in SERVICES:
        left |= lag_of(world, service)
        left[f"{service}'s outbox"] = world.databases[service].values("SELECT count(*) FROM outbox")[0]
        for what, sql in _WORK.get(service, {}).items():
            left[f"{service} {what}"] = world.databases[service].values(sql)[0]
    return {place: count for place, count in left.items() if count}


def lag_of(world: World, service: str) -> dict[str, int]:
    """Return by partition how many records a service has not digested."""
    rows = world.databases[service].rows("SELECT topic, partition, next_offset FROM position")
    stored = {(topic, partition): offset for topic, partition, offset in rows}
    topics, lag = world.topics[service], {}
    for partition, lane in world.log.lanes.items():
        if partition.topic in topics:
            end = max((record.offset + 1 for record in lane if record is not None), default=0)
            lag[f"{service}'s lag of {partition.topic}/{partition.number}"] = max(0, end - stored.get(partition, 0))
    return lag
