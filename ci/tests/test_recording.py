# SPDX-License-Identifier: BSD-2-Clause
"""Tests of how recordings come out of a log."""

import base64
import tempfile
import unittest
from pathlib import Path

import debugging
import recording
import source_copy
from recording import MAGIC, Unusable, extract, partition_of, read, write

NAME = b"nestvmx".ljust(16, b"\0")


def leb(number: int) -> bytes:
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


START = leb(recording.START) + leb(recording.VERSION)
REST = leb(int.from_bytes(NAME[:8], "little")) + leb(int.from_bytes(NAME[8:], "little")) + b"\2\2\0"


def log(*parts: tuple[bytes, bool], name: str = "nestvmx") -> list[str]:
    return [f"L0 0 info {name}: recording {i} {':' if first else ''}{base64.b64encode(data).decode()}" for i, (data, first) in enumerate(parts)]


class ExtractTest(unittest.TestCase):
    def test_segments(self) -> None:
        lines = log((START, True), (REST, False), (b"abc", False), (START, True), (b"def", False))
        lines[2:2] = ["L0 0 info something else", "L0 1 info ept: recording 0 :AAAA", "bh: nestvmx: recording 7 AAAA"]
        data = extract(lines, "nestvmx")
        first = START + REST + b"abc"
        self.assertEqual(data, MAGIC + len(first).to_bytes(4, "little") + first + b"\5\0\0\0" + START + b"def")
        self.assertEqual(partition_of(data), "nestvmx")

    def test_a_line_may_come_twice(self) -> None:
        lines = log((START, True), (REST, False), (b"abc", False))
        self.assertEqual(extract([*lines[:2], lines[1], lines[2]], "nestvmx"), extract(lines, "nestvmx"))

    def test_the_first_boot_counts(self) -> None:
        lines = log((START, True), (REST, False), (b"abc", False))
        self.assertEqual(extract(lines + lines, "nestvmx"), extract(lines, "nestvmx"))

    def test_what_is_missing_is_said(self) -> None:
        lines = log((START, True), (REST, False), (b"abc", False))
        for bad, said in (([], "no recording of nestvmx"), (lines[1:], "line 0 .* missing"), ([lines[0], lines[2]], "line 1 .* missing"),
                          ([*lines, lines[1]], "line 3 .* missing"), ([lines[0].replace(":A", "A").replace("recording 0 :", "recording 0 "), *lines[1:]], "doesn't begin"),
                          ([lines[0], lines[1].rstrip("=")[:-1].replace("A", "", 1)], "line 1 .* damaged")):
            with self.assertRaisesRegex(Unusable, said):
                extract(bad, "nestvmx")

    def test_whose(self) -> None:
        for data in (b"", MAGIC, MAGIC + b"\3\0\0\0abc", b"x" * 100, extract(log((leb(recording.START) + leb(recording.VERSION + 1), True), (REST, False)), "nestvmx"),
                     extract(log((START, True), (b"\5\5\0", False)), "nestvmx")):
            with self.assertRaises(Unusable):
                partition_of(data)

    def test_files(self) -> None:
        data = extract(log((START, True), (REST, False)), "nestvmx")
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a.rec", "a.rec.xz"):
                write(Path(folder) / name, data)
                self.assertEqual(read(Path(folder) / name), data)
                self.assertIn(recording.sources("nestvmx"), (Path(folder) / "a.toml").read_text())
            whole = (Path(folder) / "a.rec").read_bytes()
            for at in range(len(whole)):  # whichever byte is another one, or the rest is missing
                for damaged in (whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:], whole[:at]):
                    (Path(folder) / "b.rec").write_bytes(damaged)
                    with self.assertRaises(Unusable):
                        read(Path(folder) / "b.rec")
            (Path(folder) / "bad.xz").write_bytes(b"no")
            for name in ("bad.xz", "none.rec"):
                with self.assertRaises(Unusable):
                    read(Path(folder) / name)

    def test_the_edits_of_sources_fit(self) -> None:
        edits = [*debugging.NO_EVENTS, debugging.PLANTED]
        for file in {edit.file for edit in edits}:
            self.assertNotEqual(source_copy.edited(file, edits), (source_copy.ROOT / file).read_bytes())

    def test_sources_are_of_one_partition(self) -> None:
        self.assertNotEqual(recording.sources("nestvmx"), recording.sources("ept"))
        self.assertEqual(recording.sources("ept"), recording.sources("ept"))


if __name__ == "__main__":
    unittest.main()
