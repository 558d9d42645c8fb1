"""A running embedded system as a process of its own, and the command line against it."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from tocsin.cli import main
from tocsin.client import Client, find_system
from tocsin.demo.child import ServedSystem


class Ran(NamedTuple):
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return what it printed, decoded."""
        assert self.code == 0, self.err
        return json.loads(self.out)


class Front:
    """The command line, and a client, pointed at the system of a data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def client(self) -> Client:
        return Client(find_system(None, None, self.data))

    def run(self, *arguments: object, typed: str = "") -> Ran:
        """Run one command in this process; `typed` is all that is said to it."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        environment = {"TOCSIN_DATA": str(self.data), "COLUMNS": "200"}
        with (
            mock.patch.dict(os.environ, environment),
            mock.patch.object(sys, "argv", ["tocsin", *(str(one) for one in arguments)]),
            mock.patch.object(sys, "stdin", io.StringIO(typed)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Ran(code, out.getvalue(), err.getvalue())


class Served(Front):
    """A system in a folder, which may be killed and started again."""

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self._settings = settings
        self.process = ServedSystem(data, settings=settings)
        self.process.wait_until_ready()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def start_again(self) -> None:
        """Start it on the same folder and port."""
        self.process = ServedSystem(self.data, self.process.port, self._settings)
        self.process.wait_until_ready()


@contextlib.contextmanager
def serving(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve from a folder until the body ends; the process must then end by itself on SIGTERM."""
    served = Served(data, settings)
    try:
        yield served
    finally:
        code = served.process.stop()
    assert code == 0, served.process.last_lines()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A fresh system for the tests of one module."""
    with serving(tmp_path_factory.mktemp("served")) as one:
        yield one
