// SPDX-License-Identifier: BSD-2-Clause
// Proof: crash_newest() of the loader, whatever lies in memory, takes no record for sound that has a wrong mark, size, ABI or checksum, or counts beyond its arrays, and
// of sound ones the newest, also where generations wrap.
// CBMC: unwind=3 replace=crash_checksum:contract_sum
#include "proof.h"

// A smaller record: what is in it doesn't matter here.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 2
#include "../../kernel/loader/crash.c"

static struct crash_area area;
static uint64_t sum[CRASH_SLOTS];

uint64_t contract_sum(const struct crash_record *record)
{
    PROVE(record == &area.slot[0] || record == &area.slot[1], "of a record");
    return sum[record == &area.slot[1]];
}

size_t text_format(char *at, size_t capacity, const char *format, ...) { (void)at, (void)capacity, (void)format; return 0; }
void clock_text(uint64_t seconds, char text[CLOCK_TEXT]) { (void)seconds, (void)text; }

static bool good(unsigned i)
{
    const struct crash_record *one = &area.slot[i];
    return one->magic == CRASH_MAGIC && one->bytes == sizeof(*one) && one->abi == CAP_ABI && one->checksum == sum[i] && one->kind > 0 && one->kind < CRASH_KINDS &&
           one->backtrace_count <= CRASH_BACKTRACE && one->event_count <= CRASH_EVENTS && one->line_count <= CRASH_LINES && one->message_cpus <= CPU_MAX;
}

int main(void)
{
    for (unsigned i = 0; i < CRASH_SLOTS; i++) {
        struct crash_record *one = &area.slot[i];
        sum[i] = any_u64();
        one->magic = any_u64(), one->checksum = any_u64(), one->bytes = any_u32(), one->abi = any_u32(), one->generation = any_u32(), one->kind = any_u32();
        one->backtrace_count = any_u32(), one->event_count = any_u32(), one->line_count = any_u32(), one->message_cpus = any_u32();
    }
    const struct crash_record *newest = crash_newest(&area);
    if (newest == NULL) {
        PROVE(!good(0) && !good(1), "a sound record is found");
        return 0;
    }
    const struct crash_record *first = &area.slot[0], *second = &area.slot[1];
    int32_t later = (int32_t)(second->generation - first->generation);
    PROVE(newest == first ? good(0) : newest == second && good(1), "a sound one");
    PROVE(newest == first ? !good(1) || later <= 0 : !good(0) || later > 0, "the newest one");
    return 0;
}
