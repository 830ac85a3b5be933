# SPDX-License-Identifier: BSD-2-Clause
"""./bulkhead tells what it can do, and refuses tests and options that there aren't, before anything is installed or built."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


class Command(unittest.TestCase):
    def told(self, *words: str) -> tuple[int, list[str]]:
        with tempfile.TemporaryDirectory() as build, tempfile.TemporaryDirectory() as tools:
            for name in ("dpkg-query", "apt-get", "sudo"):  # if it sets up all the same it doesn't get far
                (Path(tools) / name).symlink_to("/bin/false")
            ended = subprocess.run([TOP / "bulkhead", "--build-dir", build, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"})
            self.assertLessEqual({path.name for path in Path(build).iterdir()}, {"pycache"})
        return ended.returncode, ended.stdout.splitlines()

    def refused(self, *words: str) -> tuple[int, str]:
        status, lines = self.told("test", *words)
        return status, lines[-1]

    def test_each_command_has_help(self) -> None:
        status, overview = self.told("--help")
        commands = re.findall(r"^  (\w+) ", "\n".join(overview), re.MULTILINE)
        self.assertEqual((status, len(commands), {"run", "test", "check", "sign", "setup"} - set(commands)), (0, 12, set()))
        for words in (["run", "-h"], ["run", "--nonsense", "--help"], *([command, "--help"] for command in commands)):
            with self.subTest(words):
                status, lines = self.told(*words)
                self.assertEqual(status, 0)
                if words[0] in ("setup", "build"):
                    self.assertEqual(lines, overview)
                else:
                    self.assertRegex(lines[0], rf"^usage: (\./)?bulkhead {words[0]} ")

    def test_it_may_change_while_a_command_runs(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "bulkhead"
            (Path(folder) / "ci").mkdir()
            (Path(folder) / "ci/sign.py").write_text(f"open({str(copy)!r}, 'w').write('exit 9\\n' * 5000)")
            copy.write_bytes((TOP / "bulkhead").read_bytes())
            self.assertEqual(subprocess.run(["bash", copy, "sign", "FILE"]).returncode, 0)
            self.assertTrue(copy.read_text().startswith("exit 9"))

    def test_the_list_of_tests(self) -> None:
        status, lines = self.told("test", "--list")
        self.assertEqual((status, lines[0]), (0, "fast"))
        self.assertTrue(any(line.startswith("kvm: kvm-1 ") for line in lines), lines)

    def test_a_name_that_there_is_not(self) -> None:
        self.assertEqual(self.refused("kvm-1", "nonsense", "fsat"), (1, "bulkhead: no test nonsense, fsat; see ./bulkhead test --list"))

    def test_an_option_that_there_is_not(self) -> None:
        status, line = self.refused("--nonsense")
        self.assertEqual(status, 2)
        self.assertIn("--nonsense", line)


if __name__ == "__main__":
    unittest.main()
