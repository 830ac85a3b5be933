# SPDX-License-Identifier: BSD-2-Clause
"""Writes files that several cases share, which run side by side."""

from __future__ import annotations

import tempfile
from pathlib import Path


def write(target: Path, contents: bytes) -> Path:
    """Who reads or writes the file meanwhile finds all of one content, the old one or the new one: never a part."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        file.write(contents)
    partial = Path(file.name)
    partial.chmod(0o644)
    return partial.replace(target)
