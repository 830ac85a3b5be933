// SPDX-License-Identifier: BSD-2-Clause
// Panic: the record goes to the log.
#include "panic.h"

#include <stdarg.h>

#include "cpu.h"
#include "event.h"
#include "log.h"
#include "shootdown.h"
#include "tlb_insn.h"

#define PANIC_EVENTS 16

void panic(const char *format, ...)
{
    static uint32_t busy;
    if (!__atomic_exchange_n(&busy, 1, __ATOMIC_SEQ_CST)) {
        char text[RECORDS_TEXT];
        va_list args;
        va_start(args, format);
        log_vformat(text, sizeof(text), format, args);
        va_end(args);
        log_line(LOG_ERROR, "panic: %s", text);
        shootdown_halt_others();
        for (unsigned i = 0; i < 100000; i++)
            __builtin_ia32_pause();
        log_take_console();
        for (unsigned i = 0; i < cpu_count; i++)
            if (cpu_table[i])
                event_dump(cpu_table[i], PANIC_EVENTS);
        log_line(LOG_ERROR, "stage panic");
        log_flush();
    }
    for (;;)
        insn_halt();
}
