# SPDX-License-Identifier: BSD-2-Clause
"""Takes out, one at a time, what keeps PALs apart and only a whole machine shows (pal_mutations.toml): the tests of suite pal must see it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pal_suite
from case import Case, Context, Failure, require
from source_copy import Edit, built_copy
from workload import PAL_L2

LIST = Path(__file__).parent / "pal_mutations.toml"
TESTS = {case.name: case for case in pal_suite.CASES}


def _failure(context: Context, mutation: dict[str, str], number: int) -> str:
    """What the test says of a Bulkhead without the check."""
    places = built_copy(context.places, "pal", [Edit(mutation["file"], mutation["from"], mutation["to"])], PAL_L2.partitions)
    try:
        TESTS[mutation["test"]].run(Context(places, f"{context.name}/{number}"))
    except Failure as failure:
        return str(failure)
    return "nothing"


def _mutations(context: Context) -> str:
    mutations = tomllib.loads(LIST.read_text())["mutation"]
    for number, mutation in enumerate(mutations):
        said = _failure(context, mutation, number)
        require(mutation["says"] in said, f"'{mutation['what']}': {mutation['test']} says {said}")
    return f"{len(mutations)} mutations found"


CASES = [Case("pal-mutations", _mutations)]
