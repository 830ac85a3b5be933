// SPDX-License-Identifier: BSD-2-Clause
// The serial line: a 16550's registers.
#include "line.h"

#include <rt/port.h>

enum { DATA = 0, LINE_STATUS = 5, DATA_READY = 1, TRANSMITTER_EMPTY = 0x20, NO_PORT = 0xff };  // a port that doesn't answer reads as ones

bool line_take(uint8_t *byte)
{
    const uint8_t status = rt_port_read(LINE_STATUS);
    if (status == NO_PORT || !(status & DATA_READY))
        return false;
    *byte = rt_port_read(DATA);
    return true;
}

uint8_t line_get(void)
{
    uint8_t byte;
    while (!line_take(&byte))
        __builtin_ia32_pause();
    return byte;
}

void line_put(char c)
{
    while (!(rt_port_read(LINE_STATUS) & TRANSMITTER_EMPTY))
        __builtin_ia32_pause();
    rt_port_write(DATA, (uint8_t)c);
}

void line_answer(const char *text)
{
    static const char digit[] = "0123456789abcdef";
    uint8_t sum = 0;
    line_put('$');
    for (const char *c = text; *c; c++) {
        line_put(*c);
        sum += (uint8_t)*c;
    }
    line_put('#');
    line_put(digit[sum >> 4]);
    line_put(digit[sum & 15]);
}
