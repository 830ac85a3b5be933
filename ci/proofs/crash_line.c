// SPDX-License-Identifier: BSD-2-Clause
// Proof: the lines that crash_line() of the loader makes of a sound record are made of what is in it alone, and fit; there are as many as it says.
// CBMC: unwind=18 replace=shown:contract_shown,text_format:contract_format,clock_text:contract_clock
#include "proof.h"

// A smaller record: what is in it doesn't matter here.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 2
#include "../../kernel/loader/crash.c"

static struct crash_record record;

// Proof crash_shown.
const char *contract_shown(char text[RECORDS_TEXT + 1], const char *from, size_t most)
{
    const char *begin = (const char *)&record, *end = begin + sizeof(record);
    PROVE(from >= begin && from < end && most <= (size_t)(end - from) && most <= RECORDS_TEXT, "a text in the record");
    text[0] = 0;
    return text;
}

size_t contract_format(char *at, size_t capacity, const char *format, ...)
{
    (void)format;
    PROVE(capacity > 0, "there is room for the end at least");
    (void)at;
    size_t used = any_u64();
    ASSUME(used < capacity);
    return used;
}

void contract_clock(uint64_t seconds, char text[CLOCK_TEXT])
{
    (void)seconds;
    text[0] = 0;
}

int main(void)
{
    char text[CRASH_TEXT];
    // Proof crash_newest.
    record.kind = any_below(CRASH_KINDS);
    record.backtrace_count = any_below(CRASH_BACKTRACE + 1);
    record.line_count = any_below(CRASH_LINES + 1);
    unsigned index = any_u32();
    bool more = crash_line(&record, index, text);
    PROVE(more == (index < 3 + (record.line_count < LOG_LINES ? record.line_count : LOG_LINES)), "as many lines as there are");
    return 0;
}
