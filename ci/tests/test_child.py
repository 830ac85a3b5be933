# SPDX-License-Identifier: BSD-2-Clause
"""An emulator ends with what has started it, whatever ends that."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import child

CI = Path(child.__file__).parent
TOP = CI.parent
PATIENCE = 60.0  # far more than it takes: a machine that is busy otherwise decides about nothing
# Both say which process their emulator is, and follow it: as `bulkhead run` does, and as a case of `bulkhead test`.
FOLLOWS = """
import signal, sys
from pathlib import Path
import emulator, stages
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever who runs the tests ignores (nohup, a shell's background)
signal.signal(signal.SIGINT, signal.default_int_handler)
class Told(stages.Stages):
    def started(self, pid):
        print(pid, flush=True)
def follow(_=None):
    emulator.follow(["sleep", "600"], {}, Path(sys.argv[-1]), 600, Told(), lambda status: ("ended", str(status)))
"""
RUN = FOLLOWS + "follow()"
TEST = FOLLOWS + """
import case, test
sys.argv = ["test", "--build", sys.argv[-1], "--jobs", "2", "--", sys.argv[-1]]
test.SUITES = {sys.argv[-1]: [case.Case("hangs", follow)]}
test.main()
"""


def gone(pid: int, patience: float) -> bool:
    """It has ended, waited for or not, or does so within so many seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX":
                return True
        except OSError:
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.01)


class Child(unittest.TestCase):
    def ends(self, program: str, number: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            harness = subprocess.Popen([sys.executable, "-c", program, folder], env=os.environ | {"PYTHONPATH": str(CI)}, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            assert harness.stdout
            pid = int(harness.stdout.readline())
            try:
                self.assertIsNone(harness.poll())
                harness.send_signal(number)
                harness.wait(PATIENCE)
                self.assertTrue(gone(pid, PATIENCE), f"the emulator runs on after {signal.Signals(number).name}")
            finally:
                harness.kill()
                harness.wait()
                harness.stdout.close()
                if not gone(pid, 0):
                    os.kill(pid, signal.SIGKILL)

    def test_it_ends_with_a_run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGINT):
            with self.subTest(signal.Signals(number).name):
                self.ends(RUN, number)

    def test_it_ends_with_a_test(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
            with self.subTest(signal.Signals(number).name):
                self.ends(TEST, number)

    def test_the_command_of_the_shell_is_what_runs_it(self) -> None:
        """./bulkhead itself is not there any more: a signal to it is one to the program that it has started."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "bulkhead"
            (Path(folder) / "ci").mkdir()
            (Path(folder) / "ci/sign.py").write_text("import os\nprint(os.getpid(), os.environ['PYTHONPYCACHEPREFIX'])")
            copy.write_bytes((TOP / "bulkhead").read_bytes())
            command = subprocess.Popen(["bash", copy, "sign"], stdout=subprocess.PIPE, text=True)
            self.assertEqual(command.communicate()[0].split(), [str(command.pid), f"{folder}/build/pycache"])
        last = [line for line in (TOP / "bulkhead").read_text().splitlines() if 'python "$root/ci/$command.py" --build' in line]
        self.assertEqual([line.split()[0] for line in last], ["become_python"])  # of run, test and the others, behind setup and build

    def test_it_is_the_command_at_once(self) -> None:
        words = ["sleep", "600"]
        process = child.start(words)
        try:
            self.assertEqual(Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")[:-1], words)
        finally:
            process.kill()
            process.wait()

    def test_it_has_its_environment_and_does_not_ignore_what_python_does(self) -> None:
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("SigIgn"))
        ignored = int(line.split()[1], 16) & ~sum(1 << number - 1 for number in child.IGNORED_BY_PYTHON)  # by who runs the tests
        process = child.start(["sh", "-c", "echo $BH_CHILD; grep SigIgn /proc/self/status; ls /proc/self/fd | wc -l; exit 5"], {"BH_CHILD": "word"},
                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.assertEqual(process.communicate()[0].decode().split(), ["word", "SigIgn:", f"{ignored:016x}", "4"])  # three, and the folder that is listed
        self.assertEqual(process.returncode, 5)

    def test_a_command_that_there_is_not(self) -> None:
        with self.assertRaises(FileNotFoundError):
            child.start(["/nonsense/emulator"])

    def test_it_does_not_begin_where_nobody_waits_for_it(self) -> None:
        """Who started it has ended by then: this is not the process that it is told of."""
        pipe = os.pipe()
        ended = subprocess.run([sys.executable, child.__file__, str(os.getppid()), str(pipe[1]), "echo", "begun"], pass_fds=(pipe[1],), capture_output=True)
        for end in pipe:
            os.close(end)
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))


if __name__ == "__main__":
    unittest.main()
