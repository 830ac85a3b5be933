// SPDX-License-Identifier: BSD-2-Clause
// The port by which gdb debugs a partition.
#pragma once

#include <stdbool.h>

// Sets COM2 up: 115200 baud, 8 bits, no parity, no interrupts, no FIFO: what isn't fetched yet stays with the sender where the line is an emulator's.
// False: there is none.
bool debug_port_start(void);
