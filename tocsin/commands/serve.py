"""`tocsin serve`: the whole system in one process on files."""

from pathlib import Path
from typing import Annotated, Literal

import typer
import uvloop
from rich.markup import escape

from shared.telemetry import close_traces
from tocsin.client import DEFAULT_DATA
from tocsin.console import err


def serve(
    data: Annotated[
        Path,
        typer.Option(
            "--data", envvar="TOCSIN_DATA", file_okay=False, help="Folder that holds everything; made if it is missing."
        ),
    ] = DEFAULT_DATA,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port for all services.")] = 8400,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        typer.Option("--log-level", envvar="TOCSIN_LOG_LEVEL", case_sensitive=False, help="What is worth a line."),
    ] = "INFO",
) -> None:
    """Run the whole system in one process, with SQLite files in a folder. Stop it with Ctrl-C; start it any time.

    Leaves `profile.json` (address and a local key) in the folder, where the other commands find it.
    """
    from tocsin.system import (
        FolderInUse,
        OtherInstallation,
        SettingsWrong,
        run_embedded,
        start_telemetry,
    )  # imports every service; other commands must not wait for it

    async def started(url: str) -> None:
        err().print(f"tocsin serves {data} at [bold]{url}[/bold]; stop with Ctrl-C")

    # Clients' names and addresses come to be in there: a folder that is made here is its owner's only.
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        start_telemetry(log_level)
        uvloop.run(run_embedded(data, port, host, started))
    except (FolderInUse, OtherInstallation, SettingsWrong) as error:
        err().print(escape(str(error)), style="red")
        raise typer.Exit(1) from None
    finally:
        close_traces()
