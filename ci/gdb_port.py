# SPDX-License-Identifier: BSD-2-Clause
"""Joins the emulated second serial port, which connects to one TCP port, to a gdb, which connects to another."""

from __future__ import annotations

import selectors
import socket
import threading


def _listen() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    return server


class GdbPort:
    """As long as no gdb is there what the machine sends is lost; one gdb after another may connect."""

    def __init__(self) -> None:
        self.closing, self.spoken = False, threading.Event()  # spoken: the machine's end has something from a gdb
        self.machine, self.gdb, (self.wake, self.woken) = _listen(), _listen(), socket.socketpair()
        self.com2 = f"mode=socket-client, dev=localhost:{self.machine.getsockname()[1]}"
        self.remote = f"localhost:{self.gdb.getsockname()[1]}"
        self.thread = threading.Thread(target=self._relay, daemon=True)
        self.thread.start()

    def _relay(self) -> None:
        selector = selectors.DefaultSelector()
        for source in (self.machine, self.gdb, self.woken):
            selector.register(source, selectors.EVENT_READ)
        servers, peer = {self.machine: self.gdb, self.gdb: self.machine}, {self.machine: None, self.gdb: None}

        def drop(source: socket.socket, server: socket.socket) -> None:
            if peer[server] is source:  # no newer one has come
                peer[server] = None
            selector.unregister(source)
            source.close()

        while True:
            for key, _ in selector.select():
                source = key.fileobj
                if source is self.woken:
                    for end in [*selector.get_map().values()]:
                        if end.data:
                            drop(end.fileobj, end.data)
                    selector.close()
                    return
                if source in servers:
                    peer[source], _ = source.accept()
                    peer[source].settimeout(0.1)
                    selector.register(peer[source], selectors.EVENT_READ, source)
                    continue
                if source.fileno() < 0:  # dropped since select()
                    continue
                try:
                    data = source.recv(4096)
                except ConnectionError:
                    data = b""
                if not data:
                    drop(source, key.data)
                elif other := peer[servers[key.data]]:
                    try:
                        self._send(other, data)
                        if key.data is self.gdb:
                            self.spoken.set()
                    except ConnectionError:
                        drop(other, servers[key.data])

    def _send(self, other: socket.socket, data: bytes) -> None:
        while data and not self.closing:  # who reads nothing may begin to; it doesn't keep close() waiting
            try:
                data = data[other.send(data):]
            except TimeoutError:
                pass

    def close(self) -> None:
        self.closing = True
        self.wake.close()
        self.thread.join()
        self.woken.close()
        self.machine.close()
        self.gdb.close()
