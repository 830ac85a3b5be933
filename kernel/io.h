// SPDX-License-Identifier: BSD-2-Clause
// Watched ports (loader/watch.c): by these L1 switches the machine off or resets it. L0 lets it, and says its last words before.
#pragma once

#include <stdbool.h>

#include <caps/cap.h>

#include "cpu.h"

// Besides those that the FADT names, and HYPERCALL_PORT. PORT_PCI_ADDRESS isn't watched itself.
enum watched_port { PORT_KEYBOARD = 0x64, PORT_SYSTEM_CONTROL = 0x92, PORT_PCI_ADDRESS = 0xcf8, PORT_RESET = 0xcf9, PORT_BOCHS_SHUTDOWN = 0x8900 };

// Whether the exit being handled is what the range claims: of L1's IN EAX from HYPERCALL_PORT and nothing else; of an L2's any access that has a byte at one of its
// ports.
bool io_claimed(const struct cpu *cpu, const struct route_cap *range);
