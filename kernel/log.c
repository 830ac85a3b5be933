// SPDX-License-Identifier: BSD-2-Clause
// The log: lines go through a ring of slots that any number of CPUs and NMI handlers fill at once; whoever finds the console free prints them.
#include "log.h"

#include <caps/format.h>

#include "console.h"
#include "cpu.h"

#define LOG_SLOTS 64u

// Slot i is free for line n (n % LOG_SLOTS == i) where turn == n, holds it where turn == n + 1.
struct log_slot { uint64_t turn; char text[LOG_TEXT]; };

static struct {
    struct log_slot slot[LOG_SLOTS];
    uint64_t head, tail;   // next line to write, to print
    uint32_t printing;     // a CPU prints
    uint32_t lost;         // lines that found the ring full
    uint32_t level;
} ring;

void log_init(const struct boot_info *info)
{
    for (uint64_t i = 0; i < LOG_SLOTS; i++)
        ring.slot[i].turn = i;
    ring.level = info->log_level;
    console_init(info->console);
}

static void print_all(void)
{
    if (__atomic_exchange_n(&ring.lost, 0, __ATOMIC_RELAXED))
        console_write("L0 0 warn log lines lost\n");
    for (;;) {
        struct log_slot *slot = &ring.slot[ring.tail % LOG_SLOTS];
        if (__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) != ring.tail + 1)
            return;
        console_write(slot->text);
        __atomic_store_n(&slot->turn, ring.tail++ + LOG_SLOTS, __ATOMIC_RELEASE);
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
        if (__atomic_load_n(&ring.slot[tail % LOG_SLOTS].turn, __ATOMIC_SEQ_CST) != tail + 1)
            return;
    }
}

void log_take_console(void) { __atomic_store_n(&ring.printing, 0, __ATOMIC_SEQ_CST); }

static struct log_slot *reserve(uint64_t *turn)
{
    uint64_t head = __atomic_load_n(&ring.head, __ATOMIC_RELAXED);
    for (;;) {
        struct log_slot *slot = &ring.slot[head % LOG_SLOTS];
        uint64_t have = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
        if (have < head)
            return NULL;  // full
        if (have != head) {
            head = __atomic_load_n(&ring.head, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(&ring.head, &head, head + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            *turn = head;
            return slot;
        }
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const name[LOG_LEVELS] = { "error", "warn", "info", "debug" };
    if (level >= LOG_LEVELS || level > ring.level)
        return;
    uint64_t turn;
    struct log_slot *slot = reserve(&turn);
    if (!slot) {
        __atomic_add_fetch(&ring.lost, 1, __ATOMIC_RELAXED);
        return;
    }
    unsigned n = log_format(slot->text, LOG_TEXT - 1, "L0 %u %s ", cpu_index(), name[level]);
    va_list args;
    va_start(args, format);
    n += log_vformat(slot->text + n, LOG_TEXT - 1 - n, format, args);
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
