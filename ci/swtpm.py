# SPDX-License-Identifier: BSD-2-Clause
"""swtpm: a TPM 2.0 in a process of this host. What it keeps is in a folder, so that a machine finds it again at its next boot."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType

import child

START_SECONDS = 60.0  # at most, on a machine that is busy
PROGRAM = "swtpm"


def obstacle() -> str:
    return "" if shutil.which(PROGRAM) else "swtpm is not there: ./bulkhead setup"


class Swtpm:
    """One power cycle of it. Sockets have short paths, in a folder of their own."""

    def __init__(self, state: Path, raw: bool) -> None:
        """raw: it takes commands on a socket and is started up already; else QEMU has it, with all that a machine says to its TPM."""
        state.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="swtpm-"))
        self.path = self.folder / "socket"
        how = ["--server", f"type=unixio,path={self.path}", "--flags", "not-need-init,startup-clear"] if raw else \
              ["--ctrl", f"type=unixio,path={self.path}"]
        self.process = child.start([PROGRAM, "socket", "--tpm2", "--tpmstate", f"dir={state}", *how],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while not self.path.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                self.close()
                raise OSError("swtpm does not start")
            time.sleep(0.02)

    def qemu(self) -> list[str]:
        return ["-chardev", f"socket,id=tpm,path={self.path}", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Swtpm:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


HEADER = struct.Struct(">HII")  # tag, bytes, command or response code


def receive(source: socket.socket) -> bytes:
    """One command or answer; b"" at the end."""
    data = b""
    while len(data) < HEADER.size or len(data) < HEADER.unpack_from(data)[1]:
        more = source.recv(4096)
        if not more:
            return b""
        data += more
    return data


class TpmPort(Swtpm):
    """Joins it to an emulated third serial port (guests/tcg2/tcg2.c), and notes what is said."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, raw=True)
        self.said: list[tuple[bytes, bytes]] = []
        self.tpm = socket.socket(socket.AF_UNIX)
        self.tpm.connect(str(self.path))
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(1)
        self.com3 = f"mode=socket-client, dev=localhost:{self.server.getsockname()[1]}"
        threading.Thread(target=self._relay, daemon=True).start()

    def ask(self, command: bytes) -> bytes:
        self.tpm.sendall(command)
        return receive(self.tpm)

    def _relay(self) -> None:
        machine, _ = self.server.accept()
        while command := receive(machine):
            answer = self.ask(command)
            self.said.append((command, answer))
            machine.sendall(answer)

    def close(self) -> None:
        if hasattr(self, "server"):
            self.server.close()
            self.tpm.close()
        super().close()
