# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what joins the emulated serial port to gdb."""

import socket
import struct
import time
import unittest

from gdb_port import GdbPort

WAIT = 10.0  # seconds at most


def connected(server: socket.socket) -> socket.socket:
    client = socket.create_connection(server.getsockname(), timeout=WAIT)
    client.settimeout(WAIT)
    return client


class Relay(unittest.TestCase):
    def setUp(self) -> None:
        self.port = GdbPort()
        self.addCleanup(self.port.close)
        self.machine = self.client(self.port.machine)

    def client(self, server: socket.socket) -> socket.socket:
        client = connected(server)
        self.addCleanup(client.close)
        return client

    def joined(self, gdb: socket.socket, text: bytes) -> None:
        """Both ways; the first also shows that gdb's connection was accepted."""
        gdb.sendall(text)
        self.assertEqual(self.machine.recv(len(text), socket.MSG_WAITALL), text)
        self.machine.sendall(text)
        self.assertEqual(gdb.recv(len(text), socket.MSG_WAITALL), text)

    def test_one_gdb_after_another(self) -> None:
        first = self.client(self.port.gdb)
        self.joined(first, b"first")
        first.close()
        self.joined(self.client(self.port.gdb), b"second")

    def test_the_end_of_an_old_one_leaves_the_newer(self) -> None:
        first = self.client(self.port.gdb)
        self.joined(first, b"first")
        second = self.client(self.port.gdb)
        self.joined(second, b"second")
        first.shutdown(socket.SHUT_WR)
        self.assertEqual(first.recv(1), b"")  # closed at the other end, too: its end was seen
        self.joined(second, b"still")

    def test_a_gdb_that_reads_nothing_does_not_hold_up_the_end(self) -> None:
        self.joined(self.client(self.port.gdb), b"first")
        self.machine.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            while True:
                self.machine.sendall(bytes(1 << 20))
        begun = time.monotonic()
        self.port.close()
        self.assertLess(time.monotonic() - begun, WAIT)

    def test_a_gdb_that_is_killed_during_an_answer(self) -> None:
        first = self.client(self.port.gdb)
        self.joined(first, b"first")
        # It takes nothing, so that the relay waits in the midst of an answer; then it is reset.
        self.machine.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            while True:
                self.machine.sendall(bytes(1 << 20))
        self.machine.settimeout(WAIT)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
        second = self.client(self.port.gdb)
        second.sendall(b"?")
        self.assertEqual(self.machine.recv(1), b"?")
        self.assertTrue(self.port.thread.is_alive())

    def test_ends_with_clients_there(self) -> None:
        gdb = self.client(self.port.gdb)
        self.joined(gdb, b"x")
        port = GdbPort()
        other = self.client(port.gdb)
        started = time.monotonic()
        port.close()
        self.assertFalse(port.thread.is_alive())
        self.assertLess(time.monotonic() - started, WAIT)
        with self.assertRaises(OSError):
            connected(port.gdb)
        other.close()
