// SPDX-License-Identifier: BSD-2-Clause
// The port of gdb.
#include "debug.h"

#include <caps/debug.h>

#include "port.h"

// Registers of a 16550 from its base on.
enum { DATA, INTERRUPTS, FIFO, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, MODEM_STATUS, SCRATCH };
enum { DIVISOR_ACCESS = 0x80, EIGHT_BITS = 3, DTR_RTS = 3 };

bool debug_port_start(void)
{
    port_out(DEBUG_PORT + SCRATCH, 0x5a);
    if (port_in(DEBUG_PORT + SCRATCH) != 0x5a)
        return false;
    port_out(DEBUG_PORT + INTERRUPTS, 0);
    port_out(DEBUG_PORT + LINE_CONTROL, DIVISOR_ACCESS | EIGHT_BITS);
    port_out(DEBUG_PORT + DATA, 1);
    port_out(DEBUG_PORT + INTERRUPTS, 0);
    port_out(DEBUG_PORT + LINE_CONTROL, EIGHT_BITS);
    port_out(DEBUG_PORT + FIFO, 0);
    port_out(DEBUG_PORT + MODEM_CONTROL, DTR_RTS);
    return true;
}
