// SPDX-License-Identifier: BSD-2-Clause
// Proof: a line of the log gets a slot of the ring that is free for it, and no other line does; a slot whose line waits to be printed is never given; what is written into
// one stays in it, whatever it says, and ends. Numbers may be anywhere, slots at the ring's ends.
// CBMC: unwind=3 loops=reserve.0:3 replace=log_vformat:contract_vformat,tsc_read:contract_tsc,log_flush:contract_flush
#include "proof.h"

#include "../../kernel/log.c"

static struct records_own own;
struct records_own *records = &own;
static const struct boot_info info = { .log_level = LOG_DEBUG };
const struct boot_info *boot_info = &info;
uint32_t cpu_index(void) { return any_below(CPU_MAX); }
void console_write(const char *text) { (void)text; }
uint64_t contract_tsc(void) { return any_u64(); }
static bool flushed;
void contract_flush(void) { flushed = true; }

static struct records_line *the_slot;

unsigned contract_vformat(char *text, unsigned bytes, const char *format, va_list args)
{
    (void)format, (void)args;
    PROVE(bytes >= 1 && text >= the_slot->text && text + bytes <= the_slot->text + RECORDS_TEXT - 1, "in the slot's text, with room for the end");
    unsigned used = any_u32();
    ASSUME(used < bytes);
    return used;
}

// head: the number of the next line, a constant.
static void prove(uint64_t head)
{
    uint64_t turn = any_u64(), lost = any_u64();
    the_slot = &records->log[head % RECORDS_LINES];
    the_slot->turn = turn;
    records->machine.log_head = head;
    records->machine.log_lost = lost;
    // What turns can be: free for this line, or still that of the round before, or printed by now.
    ASSUME(turn == head || (turn < head && head - turn <= RECORDS_LINES));
    log_line(LOG_INFO, "any");
    if (turn == head) {
        PROVE(records->machine.log_head == head + 1 && the_slot->turn == head + 1 && flushed, "the next line's slot is taken, and the line printed");
    } else {
        PROVE(records->machine.log_head == head && the_slot->turn == turn && records->machine.log_lost == lost + 1, "a full ring keeps its lines, and counts what it loses");
    }
}

int main(void)
{
    switch (any_below(3)) {
    case 0: prove(0); break;
    case 1: prove(RECORDS_LINES - 1); break;
    default: prove((1ull << 40) + RECORDS_LINES); break;
    }
    return 0;
}
