# SPDX-License-Identifier: BSD-2-Clause
"""A page in a real browser, without a screen and without a network: what becomes of its document, and how it looks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 600.0
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
           "--host-resolver-rules=MAP * ~NOTFOUND", "--force-device-scale-factor=1")


class NoBrowser(Exception):
    pass


def find() -> str:
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoBrowser("no chromium is installed: ./bulkhead setup")


def _run(address: str, width: int, height: int, *options: str) -> str:
    with tempfile.TemporaryDirectory() as profile:
        command = [find(), *OPTIONS, f"--user-data-dir={profile}", f"--window-size={width},{height}", *options, address]
        return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=True).stdout


def address(page: Path, fragment: str = "") -> str:
    return page.resolve().as_uri() + (f"#{fragment}" if fragment else "")


def document(page: Path, fragment: str = "", width: int = 1200, height: int = 800) -> str:
    """The document's HTML when its scripts are done."""
    return _run(address(page, fragment), width, height, "--dump-dom")


def screenshot(page: Path, image: Path, fragment: str = "", width: int = 1200, height: int = 800) -> None:
    _run(address(page, fragment), width, height, f"--screenshot={image.resolve()}")
