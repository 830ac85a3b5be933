# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the check that a partition uses no vector registers."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "checks"))
from vectors import problems, touches  # noqa: E402


def listing(function: str, *instructions: str) -> str:
    return f"0000000000400000 <{function}>:\n" + "".join(f"  {0x400000 + i:x}:\t{text}\n" for i, text in enumerate(instructions))


class Vectors(unittest.TestCase):
    def test_whatever_touches_them(self) -> None:
        for text in ("movdqu (%rdi),%xmm0", "vpxor %ymm1,%ymm2,%ymm3", "vmovdqu64 %zmm31,(%rax)", "movq %mm0,%rax", "kmovq %k1,%rax", "fild (%rsp)",
                     "fildll 0x8(%rsp)", "fdivrp %st,%st(1)", "fsubs (%rax)", "fxch %st(2)", "fldz", "fninit", "fwait", "wait", "fxsave (%rdi)", "emms",
                     "vzeroupper", "ldmxcsr (%rax)", "xsaveopt (%rdi)", "xrstor64 (%rdi)", "rep fld1", "fs fild (%rax)"):
            self.assertTrue(touches(f"  400000:\t{text}"), text)

    def test_what_does_not(self) -> None:
        for text in ("mov %fs:0x28,%rax", "call 401000 <fill>", "jmp 401000 <fstat>", "rep stos %al,%es:(%rdi)", "verr %ax", "vmcall", "xor %eax,%eax",
                     "xchg %ax,%ax", "cs nopw 0x0(%rax,%rax,1)", "ret"):
            self.assertFalse(touches(f"  400000:\t{text}"), text)
        self.assertFalse(touches("0000000000400000 <fild>:"))

    def test_clones_are_functions_of_their_own(self) -> None:
        for clone in ("mix.part.0", "mix.constprop.0", "mix.isra.0", "mix.cold"):
            text = listing("br_sha256_out", "movdqu (%rdi),%xmm0") + listing(clone, "movdqu (%rdi),%xmm0")
            self.assertEqual(len(problems("image", text)), 1, clone)
            self.assertIn(clone, problems("image", text)[0])

    def test_clones_of_the_unused(self) -> None:
        self.assertEqual(problems("image", listing("br_sha256_out.part.0", "movdqu (%rdi),%xmm0")), [])
        for target in ("br_sha256_out", "br_sha256_out.part.0", "br_sha256_out.cold+0x12"):
            self.assertEqual(len(problems("image", listing("start", f"call 401000 <{target}>"))), 1, target)


if __name__ == "__main__":
    unittest.main()
