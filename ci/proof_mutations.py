# SPDX-License-Identifier: BSD-2-Clause
"""Takes out the checks that the proofs rest on, one at a time: each proof, and the model of the shoot-down, must fail then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from case import Case, Context, Failure

PROOFS = Path(__file__).resolve().parent / "proofs"
SKIPPED = 77


def _run(script: str, *arguments: str) -> str:
    result = subprocess.run([sys.executable, str(PROOFS / script), "--mutations", *arguments], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    if result.returncode == SKIPPED:
        return f"skipped: {result.stdout.strip()}"
    if result.returncode:
        raise Failure(result.stdout)
    return f"{result.stdout.count('caught')} mutations caught"


def _proofs(context: Context) -> str:
    return _run("prove.py", "--build", str(context.places.build))


def _model(_context: Context) -> str:
    return _run("model.py")


CASES = [Case("proofs-mutations-cbmc", _proofs), Case("proofs-mutations-spin", _model)]
