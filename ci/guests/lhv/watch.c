// SPDX-License-Identifier: BSD-2-Clause
// Waiting for who looks from outside.

#include "watch.h"
#include "cpu.h"
#include "cpu_insn.h"
#include "options.h"
#include "serial.h"

void watch(uint64_t a, uint64_t b, uint64_t c)
{
    static volatile uint64_t moment;
    const uint64_t now = moment;
    if (!options.watched)
        return;
    serial_text("lhv: watch ");
    serial_number(a, 10);
    serial_text("-");
    serial_number(b, 10);
    serial_text("-");
    serial_number(c, 10);
    serial_text(" ");
    serial_number(now, 10);
    serial_text(": 0x");
    serial_number(address(&moment), 16);
    serial_text("\r\n");
    while (moment == now)
        cpu_relax();
}
