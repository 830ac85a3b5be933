# SPDX-License-Identifier: BSD-2-Clause
"""The SDK as its users get it: the tutorial's commands, up to the template's program, do and print what it says: sdk.py BUILD SOURCE"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import sdk_programs  # noqa: E402
import tutorial  # noqa: E402

BUILT = "./bulkhead build"  # is done by now


def main() -> int:
    build, source = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "build").symlink_to(build)
        (here / "trustvisor").symlink_to(source / "trustvisor")
        typed = [command for command in tutorial.commands(tutorial.TUTORIAL.read_text()) if command.prompt == "" and not command.text.startswith("verify")]
        if typed.pop(0).text != BUILT or len(typed) < 6:
            print("the tutorial begins in another way")
            return 1
        if wrong := tutorial.run(typed, here, {"LC_ALL": "C"}):
            print("the tutorial has something else for:", *wrong, sep="\n")
            return 1
        # A PAL that reaches outside of itself isn't built.
        pal = here / "mine/twice_pal.c"
        pal.write_text(pal.read_text().replace("return 2 * number;", "extern uintptr_t outside; return outside * number;"))
        environment = sdk_programs.installed(build, here / "again")
        try:
            sdk_programs.make(here / "mine", environment)
        except sdk_programs.subprocess.CalledProcessError:
            return 0
        print("a PAL that uses a global was built")
        return 1


if __name__ == "__main__":
    sys.exit(main())
