// SPDX-License-Identifier: BSD-2-Clause
// The log: lines go through a ring of slots (caps/records.h) that any number of CPUs and NMI handlers fill at once; whoever finds the console free prints them.
#include "log.h"

#include <caps/format.h>

#include "console.h"
#include "cpu.h"
#include "msr.h"

static struct {
    uint64_t tail;         // next line to print
    uint64_t lost;         // lines known to be lost
    uint32_t printing;     // a CPU prints
} ring;

static struct records_line *slot_of(uint64_t line) { return &records->log[line % RECORDS_LINES]; }

static void print_all(void)
{
    uint64_t lost = __atomic_load_n(&records->machine.log_lost, __ATOMIC_RELAXED);
    if (lost != ring.lost)
        console_write("L0 0 warn log lines lost\n");
    ring.lost = lost;
    for (;;) {
        struct records_line *slot = slot_of(ring.tail);
        if (__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) != ring.tail + 1)
            return;
        console_write(slot->text);
        __atomic_store_n(&slot->turn, ring.tail++ + RECORDS_LINES, __ATOMIC_RELEASE);
    }
}

// A line that is written while somebody prints is seen by him, or by its writer once he is done: both look after they have let go.
void log_flush(void)
{
    for (;;) {
        if (__atomic_exchange_n(&ring.printing, 1, __ATOMIC_SEQ_CST))
            return;
        print_all();
        __atomic_store_n(&ring.printing, 0, __ATOMIC_SEQ_CST);
        uint64_t tail = __atomic_load_n(&ring.tail, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&slot_of(tail)->turn, __ATOMIC_SEQ_CST) != tail + 1)
            return;
    }
}

void log_take_console(void) { __atomic_store_n(&ring.printing, 0, __ATOMIC_SEQ_CST); }

static struct records_line *reserve(uint64_t *turn)
{
    uint64_t head = __atomic_load_n(&records->machine.log_head, __ATOMIC_RELAXED);
    for (;;) {
        struct records_line *slot = slot_of(head);
        uint64_t have = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
        if (have < head)
            return NULL;  // full
        if (have != head) {
            head = __atomic_load_n(&records->machine.log_head, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(&records->machine.log_head, &head, head + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            *turn = head;
            return slot;
        }
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const name[LOG_LEVELS] = { "error", "warn", "info", "debug" };
    if (level >= LOG_LEVELS || level > boot_info->log_level)
        return;
    uint64_t turn;
    struct records_line *slot = reserve(&turn);
    if (!slot) {
        __atomic_add_fetch(&records->machine.log_lost, 1, __ATOMIC_RELAXED);
        return;
    }
    slot->tsc = tsc_read();
    unsigned n = log_format(slot->text, RECORDS_TEXT - 1, "L0 %u %s ", cpu_index(), name[level]);
    va_list args;
    va_start(args, format);
    n += log_vformat(slot->text + n, RECORDS_TEXT - 1 - n, format, args);
    va_end(args);
    slot->text[n] = '\n';
    slot->text[n + 1] = '\0';
    __atomic_store_n(&slot->turn, turn + 1, __ATOMIC_SEQ_CST);
    log_flush();
}

unsigned log_vformat(char *text, unsigned bytes, const char *format, va_list args) { return (unsigned)format_line(text, bytes, format, args); }

unsigned log_format(char *text, unsigned bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    unsigned n = log_vformat(text, bytes, format, args);
    va_end(args);
    return n;
}
