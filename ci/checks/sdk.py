# SPDX-License-Identifier: BSD-2-Clause
"""The SDK as its users get it: installed into a folder, found by pkg-config, the template built with it: sdk.py BUILD SOURCE"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    build, source = Path(sys.argv[1]), Path(sys.argv[2])
    if shutil.which("pkg-config") is None or shutil.which("make") is None:
        print("no pkg-config or no make")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir", str(root)], check=True)
        project = Path(folder) / "project"
        shutil.copytree(source / "trustvisor/sdk/template", project)
        found = next(root.rglob("trustvisor-pal.pc")).parent
        environment = os.environ | {"PKG_CONFIG_SYSROOT_DIR": str(root), "PKG_CONFIG_PATH": str(found)}
        subprocess.run(["make", "-s", "-C", str(project)], check=True, env=environment)
        # Here is no trustvisor: the program says so. A hypervisor below may not like the CPUID leaf, but answers it.
        run = subprocess.run([str(project / "program")], capture_output=True, text=True, check=False)
        if run.returncode != 1 or "no trustvisor" not in run.stderr:
            print(f"the program ends with {run.returncode}: {run.stdout}{run.stderr}")
            return 1
        # A PAL that reaches outside of itself isn't built.
        pal = project / "twice_pal.c"
        pal.write_text(pal.read_text().replace("return 2 * number;", "extern uintptr_t outside; return outside * number;"))
        if subprocess.run(["make", "-s", "-C", str(project)], env=environment, capture_output=True, check=False).returncode == 0:
            print("a PAL that uses a global was built")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
