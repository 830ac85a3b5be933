# SPDX-License-Identifier: BSD-2-Clause
"""A fuzzer gets its time, and an input its own, whatever else the machine does; the fuzzer is then asked to end; what it finds before is a failure."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import fuzz
from case import Failure

ASKED = "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: (print('stat'), sys.stdout.flush(), sys.exit(0)))\n"
BUSY = ASKED + "while True: pass"
# As on a machine that leaves it a seventh of a CPU.
STARVED = ASKED + "import time\nwhile True:\n  start = time.process_time()\n  while time.process_time() - start < 0.05: pass\n  time.sleep(0.3)"
DEAF = "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)\nwhile True: pass"
DEAD = "import signal; signal.pause()"
FOUND = "print('AddressSanitizer'); raise SystemExit(77)"
INPUTS = """
#include <stddef.h>
#include <stdint.h>
#include <time.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct timespec rest = { .tv_sec = 3 };
    while (bytes == 1 && data[0] == 'w' && nanosleep(&rest, &rest)) { }
    for (volatile int spins = 1; bytes == 1 && data[0] == 's' && spins;) { }
    return 0;
}
"""


class Search(unittest.TestCase):
    def search(self, program: str) -> tuple[int, float, list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            return fuzz.search([sys.executable, "-c", program], Path(folder) / "said.txt", 0.5)

    def test_it_ends_when_it_is_asked_to(self) -> None:
        status, used, said = self.search(BUSY)
        self.assertEqual((status, said), (0, ["stat"]))
        self.assertGreaterEqual(used, 0.5)

    def test_a_busy_machine_takes_nothing_of_its_time(self) -> None:
        status, used, said = self.search(STARVED)
        self.assertEqual((status, said), (0, ["stat"]))
        self.assertGreaterEqual(used, 0.5)

    def test_what_it_finds_is_told(self) -> None:
        status, _, said = self.search(FOUND)
        self.assertEqual((status, said), (77, ["AddressSanitizer"]))

    def test_one_that_does_not_end_is_ended(self) -> None:
        with mock.patch.object(fuzz, "INPUT_SECONDS", 0.5), self.assertRaisesRegex(Failure, "it did not"):
            self.search(DEAF)

    def test_one_that_waits_is_ended(self) -> None:
        with mock.patch.object(fuzz, "IDLE_POLLS", 5), self.assertRaisesRegex(Failure, "it hangs"):
            self.search(DEAD)

    def test_one_that_ends_early_has_not_passed(self) -> None:
        ended = (0, 3.0, ["stat::number_of_executed_units: 5"])
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.object(fuzz, "compile_fuzzer", lambda *_: Path(folder) / "program"), mock.patch.object(fuzz, "search", lambda *_: ended):
                self.assertEqual(fuzz.run(Path(folder), fuzz.Fuzzer("none", "", 1), 3), "5 inputs in 3 s of its own")
                with self.assertRaisesRegex(Failure, "after 3 s of its own, not 4"):
                    fuzz.run(Path(folder), fuzz.Fuzzer("none", "", 1), 4)


@unittest.skipUnless(shutil.which("clang"), "clang is not there")
class OneInput(unittest.TestCase):
    """One that takes too long is a finding: by its own time, not by the clock."""

    def test_its_time(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(fuzz, "INPUT_SECONDS", 1):
            place = Path(folder)
            (place / "inputs.c").write_text(INPUTS)
            fuzz.link(place / "inputs", [f"-I{fuzz.ROOT / 'ci/unit'}", str(place / "inputs.c")])
            for data, found in (("x", False), ("w", False), ("s", True)):
                (place / "input").write_text(data)
                ended = subprocess.run(["prlimit", "--cpu=20", place / "inputs", *fuzz.OPTIONS, f"-artifact_prefix={place}/", place / "input"], text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                with self.subTest(data):
                    self.assertEqual((ended.returncode != 0, "an input takes more than 1 s" in ended.stdout), (found, found), ended.stdout)


if __name__ == "__main__":
    unittest.main()
