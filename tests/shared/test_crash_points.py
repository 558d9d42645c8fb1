"""Crash points: each name is passed somewhere in the code, and none is passed that has no name."""

import re

from shared.crashpoint import POINTS
from tests.architecture.lints import ROOT


def test_the_named_points_are_those_in_the_code() -> None:
    passed = {
        name
        for part in ("shared", "services")
        for path in (ROOT / part).rglob("*.py")
        for name in re.findall(r'crash_point\("([^"]+)"', path.read_text())
    }
    assert passed == POINTS
