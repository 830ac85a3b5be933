# SPDX-License-Identifier: BSD-2-Clause
"""What the cases that swap make of a run: a PAL's secret on the disk fails, and so does whatever would leave nothing to be found there."""

import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pal_suite
from boot import Places
from case import Context, Failure

PAGE_WORDS = pal_suite.PAGE_WORDS
ENDED = "L0 0 info trustvisor: pal 1: its program has lost a page: ended"


class Swap(unittest.TestCase):
    def judged(self, unlocked: bool, disk: str = "", swapped: int = 9000, own: int = 256, data: int = 0, pals: int = 0, ended: int = 0, outside: int = 256,
               inside: int = 0) -> str:
        """One run's lines, and pages with either secret on its disk."""
        console = [f"pal_swap: disk {disk or ('XFER_PIO_4' if unlocked else 'XFER_MW_DMA_2')}", f"pal_swap: swapped {swapped} pages",
                   f"swapped: own {own:#x} data {data:#x} pals {pals:#x}"]
        run = SimpleNamespace(outcome=SimpleNamespace(console=console, log=[ENDED] * ended))
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(pal_suite, "_run", return_value=run):
            context = Context(Places(Path(folder), Path(folder)), "pal-swap")
            context.directory().mkdir(parents=True)
            secrets = pal_suite._secret(pal_suite.OUTSIDE) * (outside * PAGE_WORDS), pal_suite._secret(pal_suite.INSIDE) * (inside * PAGE_WORDS)
            (context.directory() / "esp.img").write_bytes(bytes(4096).join(secrets))
            return pal_suite._swap(unlocked, context)

    def fails(self, said: str, unlocked: bool, **run: object) -> None:
        with self.assertRaisesRegex(Failure, said):
            self.judged(unlocked, **run)  # type: ignore[arg-type]

    def test_locked(self) -> None:
        self.judged(False)
        self.fails("words of the PALs' secret are on the disk", False, inside=1)
        self.fails("the search finds nothing", False, outside=255)
        self.fails("locked pages of PALs are swapped", False, pals=1)
        self.fails("1 PALs have ended", False, ended=1)
        self.fails("memory did not run short", False, swapped=288)
        self.fails("of the program's own pages are swapped", False, own=9)
        self.fails("another way", False, disk="XFER_PIO_4")

    def test_unlocked(self) -> None:
        good = {"swapped": 288, "data": 8, "pals": 32, "ended": 8}
        self.judged(True, **good)
        self.fails("words of the PALs' secret are on the disk", True, **good, inside=1)
        self.fails("the search finds nothing", True, **good, outside=0)
        self.fails("the data of 7 is swapped", True, **(good | {"data": 7}))
        self.fails("7 have ended", True, **(good | {"ended": 7}))
        self.fails("another way", True, **good, disk="XFER_UDMA_5")


if __name__ == "__main__":
    unittest.main()
