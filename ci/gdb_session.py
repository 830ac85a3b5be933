# SPDX-License-Identifier: BSD-2-Clause
"""gdb on a partition: a session by script, while Linux and KVM run on Bulkhead, and finish as if nobody had looked."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from dataclasses import replace
from functools import partial

import time_limit
from boot import problems
from case import Case, Context, Failure, require
from debug import Debugged, debugged_boot, session
from emulator import Machine
from gdb_port import GdbPort
from workload import KVM, debugged, for_cpus

TIMEOUT = 300.0
PATIENCE = "nowatchdog rcupdate.rcu_cpu_stall_suppress=1"  # how long gdb thinks in Linux' time is for this machine's speed
SCRIPT = """\
break insn_vmptrld
continue
echo == backtrace\\n
backtrace
echo == message\\n
bh message GUEST_RIP
echo == vmcs\\n
bh vmcs GUEST_RIP
echo == step\\n
info registers rip
stepi
info registers rip
stepi
info registers rip
echo == text\\n
x/16xb insn_vmptrld
set trust-readonly-sections off
x/16xb insn_vmptrld
set trust-readonly-sections on
echo == watch\\n
watch -location m->rep->set
continue
echo == registers\\n
print $saved = $rdi
set $rdi = 0x1234
print $rdi
set $rdi = $saved
echo == refused\\n
print *(char *)0xffffffff80000000
print *(long *)0x10000000000
set $rip = 0x800000000000
echo == detach\\n
delete
detach
"""
# What each part of its output must have.
WANTED = {
    "backtrace": (r"#0 +insn_vmptrld", r"message_exit", r"rt_message|partition_message"),
    "message": (r"message \d+ on CPU \d+: EXIT from L1, reason VMPTRLD, attempt 0",),
    "vmcs": (r"VMCS01: \d+ fields", r"GUEST_RIP +0x[0-9a-f]{8,}"),
    "watch": (r"Hardware watchpoint 2: -location m->rep->set", r"Old value = 0", r"New value = [1-9]"),
    "registers": (r"= 0x1234|= 4660",),
    "refused": (r"Cannot access memory at address 0xffffffff80000000", r"Cannot access memory at address 0x10000000000", r"remote failure reply|Could not write register"),
    "detach": (r"Detaching from program|detached",),
}


def parts(output: str) -> dict[str, str]:
    pieces = re.split(r"^== (\w+)$", output, flags=re.M)
    return dict(zip(pieces[1::2], pieces[2::2]))


def missing(output: str) -> list[str]:
    found = parts(output)
    lost = [f"gdb's part '{name}' has nothing like {pattern}: {found.get(name, '')[:300]!r}" for name, patterns in WANTED.items() for pattern in patterns
            if not re.search(pattern, found.get(name, ""))]
    steps = re.findall(r"^rip +0x([0-9a-f]+)", found.get("step", ""), re.M)
    if len(set(steps)) != 3:
        lost.append(f"three instructions one after another, not {steps}")
    rows = re.findall(r":((?:\t0x[0-9a-f]{2}){8})$", found.get("text", ""), re.M)
    if len(rows) != 4 or rows[:2] != rows[2:]:
        lost.append(f"while it stands still the partition's text as in its file, not {found.get('text')!r}")
    return lost


def _nestvmx(cpus: int, context: Context) -> str:
    require(shutil.which("gdb"), "there is no gdb: ./bulkhead setup installs it")
    directory = context.directory()
    directory.mkdir(parents=True, exist_ok=True)
    port, output = GdbPort(), directory / "gdb.txt"
    script = directory / "commands.gdb"

    def talk() -> None:
        lines = session(context.places, "nestvmx", port.remote)
        # A command that fails would end a script: those after `refused` are to fail.
        script.write_text("\n".join(lines + ["python", "import gdb", "for line in '''" + SCRIPT.replace("\\", "\\\\") + "'''.splitlines():", "    try:",
                                              "        gdb.execute(line)", "    except gdb.error as error:", "        print(error)", "end"]) + "\n")
        with output.open("w") as out:
            subprocess.run(["gdb", "-nx", "-batch", "-x", str(script)], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
                           timeout=time_limit.PATIENCE * TIMEOUT)
    thread = threading.Thread(target=talk, daemon=True)
    chosen = replace(debugged(for_cpus(KVM, cpus), "nestvmx"), words=PATIENCE)
    run = debugged_boot(context.places, chosen, Machine(cpus=cpus), directory, TIMEOUT, Debugged(thread.start, port))
    if thread.ident:
        thread.join(60.0)  # its connection has ended with the machine
    text = output.read_text() if output.exists() else ""
    if found := missing(text) + problems(run):
        raise Failure("\n".join(found))
    return f"breakpoint, steps, watchpoint; then {run.summary().exit_count('L2'):,} exits from L2"


CASES = [Case(f"gdb-nestvmx-{cpus}", partial(_nestvmx, cpus)) for cpus in (1, 2)]
