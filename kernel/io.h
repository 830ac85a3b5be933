// SPDX-License-Identifier: BSD-2-Clause
// Watched ports (loader/watch.c): by these L1 switches the machine off or resets it. L0 lets it, and says its last words before.
#pragma once

#include <stdbool.h>

// Besides ACPI's power control and HYPERCALL_PORT.
enum watched_port { PORT_KEYBOARD = 0x64, PORT_RESET = 0xcf9, PORT_BOCHS_SHUTDOWN = 0x8900 };

// Whether the exit being handled is IN EAX from HYPERCALL_PORT and nothing else. Its VMCS is the current one.
bool io_hypercall(void);
