// SPDX-License-Identifier: BSD-2-Clause
// Console: port 0xE9 (emulators) and COM1, which L1 may be using too.
#include "console.h"

#include "boot_info.h"
#include "port.h"

enum { PORT_E9 = 0xe9, COM1 = 0x3f8, COM_LINE_CONTROL = 3, COM_LINE_STATUS = 5, COM_DLAB = 0x80, COM_THR_EMPTY = 0x20 };

static void com1_put(char c)
{
    // A UART that isn't there reads as ones, one that hangs must not hang L0.
    for (unsigned i = 0; i < 1000000 && !(port_in8(COM1 + COM_LINE_STATUS) & COM_THR_EMPTY); i++)
        __builtin_ia32_pause();
    port_out8(COM1, (uint8_t)c);
}

void console_write(const char *text)
{
    if (boot_info->console & CONSOLE_E9)
        for (const char *c = text; *c; c++)
            port_out8(PORT_E9, (uint8_t)*c);
    if (!(boot_info->console & CONSOLE_COM1))
        return;
    // L1 may be about to set the baud rate: with DLAB on, a character would become its divisor.
    uint8_t line = port_in8(COM1 + COM_LINE_CONTROL);
    if (line & COM_DLAB)
        port_out8(COM1 + COM_LINE_CONTROL, line & (uint8_t)~COM_DLAB);
    for (; *text; text++) {
        if (*text == '\n')
            com1_put('\r');
        com1_put(*text);
    }
    if (line & COM_DLAB)
        port_out8(COM1 + COM_LINE_CONTROL, line);
}
