# SPDX-License-Identifier: BSD-2-Clause
"""A process that runs no longer than this one: however this one ends (a signal that nothing can catch included), the kernel kills it (PR_SET_PDEATHSIG).

Who asks for that is the child, before it becomes the command. As Python it may not do so between fork() and exec(), where there are other threads; so this
file, run as a program, does it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # which the command would inherit


def start(command: list[str], environment: dict[str, str] | None = None, **how: object) -> subprocess.Popen[bytes]:
    """Returns when the process is the command: its memory (ram.py) is another one before. For the kernel the parent is the calling thread, so that thread has
    to wait for the child. `how`: of Popen."""
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    ended, end = os.pipe()
    try:
        words = [sys.executable, "-I", "-S", "-B", __file__, str(os.getpid()), str(end), *command]
        try:
            process: subprocess.Popen[bytes] = subprocess.Popen(words, env=os.environ | (environment or {}), pass_fds=(end,), **how)  # type: ignore[call-overload]
        finally:
            os.close(end)
        os.read(ended, 1)  # nothing, and that at the exec, or at its end
    finally:
        os.close(ended)
    return process


def become(parent: int, end: int, command: list[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        raise SystemExit("who started this has ended")  # before it could be asked for
    os.set_inheritable(end, False)
    for number in IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], command)


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
