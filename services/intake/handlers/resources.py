"""Facts that come as resources: the fields of one fact, some of them told by the address they are posted to."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from services.intake.domain.findings import Finding
from services.intake.handlers.explaining import explain_wrong
from services.intake.handlers.facts_in import WRONG, Bounds, IncomingFact, Refusal, read_body
from shared.kernel.ids import new_id

_encode = msgspec.json.encode
_decode = msgspec.json.decode


def read_resource(
    fact_type: str, body: bytes, told: Mapping[str, str], source: str, now: datetime, bounds: Bounds
) -> IncomingFact | Refusal:
    """Read a posted resource: `told` are fields from its address, `source` holds when the body names none.

    Without an `id` the fact gets a new one, so that only an idempotency key makes the same post again the same fact.
    """
    try:
        fields = _decode(body)
    except WRONG as error:
        return Refusal("", source, fact_type, (Finding("", explain_wrong(str(error))),))
    if not isinstance(fields, dict):
        return Refusal("", source, fact_type, (Finding("", "is not a JSON object"),))
    found = []
    named = {}
    for name in ("id", "source"):
        if name not in fields:
            continue
        value = fields.pop(name)
        if isinstance(value, str):
            named[name] = value
        else:
            found.append(Finding(f"/{name}", "is a string"))
    for name, value in told.items():
        if name in fields and fields[name] != value:
            found.append(Finding(f"/{name}", "differs from the address"))
        fields[name] = value
    origin_id = named["id"] if "id" in named else new_id()
    source = named.get("source", source)
    read = read_body(origin_id, source, fact_type, _encode(fields), now, bounds)
    if not found:
        return read
    more = read.findings if isinstance(read, Refusal) else ()
    return Refusal(origin_id, source, fact_type, (*found, *more))
