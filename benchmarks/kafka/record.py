"""`python -m benchmarks.kafka.record FILE`: risk as ever, but what its batches write is kept in a file at the end."""

import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import uvloop

from benchmarks.kafka.recording import Written, recorded, save
from services.risk.app import build
from services.risk.settings import RiskSettings
from shared.runtime import lifecycle
from shared.runtime.platform import distributed
from shared.runtime.settings import ProcessSettings, read_settings
from shared.security.keys import KeyRing


async def run(process: ProcessSettings, settings: RiskSettings, path: Path) -> None:
    """Run until SIGTERM, then write the file."""
    written: dict[tuple[int, int], Written] = {}
    async with distributed(process) as (platform, database):
        service = build(settings, platform, database)
        noting = tuple(recorded(one, written) for one in service.subscriptions)
        await lifecycle.run(
            [replace(service, subscriptions=noting)],
            platform,
            KeyRing(process.keys_file),
            process.http_host,
            process.http_port,
            version("tocsin"),
        )
    save(written, path)


def main() -> None:
    """Run as `python -m services.risk` does."""
    process, settings = read_settings(ProcessSettings, RiskSettings)
    process.start(version("tocsin"))
    uvloop.run(run(process, settings, Path(sys.argv[1])))


if __name__ == "__main__":
    main()
