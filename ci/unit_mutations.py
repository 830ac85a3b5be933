# SPDX-License-Identifier: BSD-2-Clause
"""Takes out the checks that isolation rests on, one at a time (ci/unit/mutations.toml): the unit tests must fail then."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
import tomllib
from pathlib import Path

from case import Case, Context, Failure, require
from time_limit import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "ci/unit/mutations.toml"
TIMEOUT = 120  # of its own


def mutated(mutation: dict[str, str]) -> str:
    """The source without the check."""
    text = (ROOT / mutation["file"]).read_text()
    require(text.count(mutation["from"]) == 1, f"{mutation['file']} doesn't have '{mutation['from']}' once")
    return text.replace(mutation["from"], mutation["to"])


def commands(build: Path, test: str) -> list[str]:
    return subprocess.run(["ninja", "-C", str(build), "-t", "commands", test], check=True, text=True, capture_output=True).stdout.splitlines()


def compiled(command: str, source: Path, place: Path) -> tuple[list[str], str, Path]:
    """The command for the mutated source; the object that it replaces, and the one that it makes."""
    words = shlex.split(command)
    at, out = words.index("-c") + 1, words.index("-o") + 1
    old, new = words[out], place / "mutated.o"
    original = Path(words[at])
    words[at], words[out] = str(source), str(new)
    # Its neighbours' headers are where it came from. What a check kept away may leave something unused.
    return [*words[:at - 1], "-iquote", str(original.parent), "-Wno-error", "-w", *words[at - 1:]], old, new


def includer(build: Path, file: str, all_commands: list[str]) -> tuple[str, str, str] | None:
    """The command for the test that includes the source, its text, and that line."""
    for command in all_commands:
        if match := re.search(r" -c (\S+\.c)$", command):
            text = (build / match[1]).read_text()
            if line := re.search(rf'#include "(\.\./)+{re.escape(file)}"', text):
                return command, text, line[0]
    return None


def survives(build: Path, mutation: dict[str, str], all_commands: list[str]) -> bool:
    """Whether the tests pass all the same."""
    pattern = re.compile(rf" -c \S*/{re.escape(mutation['file'])}$")
    compile_command = next((c for c in all_commands if pattern.search(c)), None)
    including = None if compile_command else includer(build, mutation["file"], all_commands)
    require(compile_command or including, f"{mutation['test']} isn't built from {mutation['file']}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = place / Path(mutation["file"]).name
        source.write_text(mutated(mutation))
        if including:  # the test then, with the mutated source in it
            compile_command, text, include = including
            source = place / "test.c"
            source.write_text(text.replace(include, f'#include "{Path(mutation["file"]).name}"'))
        words, old, new = compiled(compile_command or "", source, place)
        if including:
            words[1:1] = ["-iquote", str((ROOT / mutation["file"]).parent)]
        result = subprocess.run(words, cwd=build, text=True, capture_output=True, check=False)
        require(result.returncode == 0, f"'{mutation['what']}' doesn't compile: {result.stderr}")
        link = shlex.split(all_commands[-1])
        link[link.index("-o") + 1] = str(place / "test")
        # In place of its like; or before the archive that has it, from which it isn't taken then.
        link = [str(new) if word == old else word for word in link] if old in link else [*link[:1], str(new), *link[1:]]
        subprocess.run(link, cwd=build, check=True, capture_output=True)
        try:
            return subprocess.run(["prlimit", f"--cpu={TIMEOUT}", str(place / "test")], capture_output=True, timeout=PATIENCE * TIMEOUT, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def run(build: Path) -> int:
    """How many were caught."""
    mutations = tomllib.loads(LIST.read_text())["mutation"]
    by_test = {test: commands(build, test) for test in {mutation["test"] for mutation in mutations}}
    left = [mutation["what"] for mutation in mutations if survives(build, mutation, by_test[mutation["test"]])]
    if left:
        raise Failure("no test notices: " + "; ".join(left))
    return len(mutations)


def _units(context: Context) -> str:
    return f"{run(context.places.build)} mutations caught"


CASES = [Case("unit-mutations", _units)]
