# SPDX-License-Identifier: BSD-2-Clause
"""What a test is: a name, and a function that raises Failure or returns a remark for its line of output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boot import Places


class Failure(Exception):
    """What was not as it should be; one line each."""


@dataclass(frozen=True)
class Context:
    places: Places
    name: str  # of the running case

    def directory(self, part: str = "") -> Path:
        """Where this case keeps its output."""
        return self.places.build / "test" / self.name / part


@dataclass(frozen=True)
class Case:
    name: str
    run: Callable[[Context], str]


def require(condition: object, problem: str) -> None:
    if not condition:
        raise Failure(problem)
