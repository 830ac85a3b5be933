// SPDX-License-Identifier: BSD-2-Clause
// Memory of any content as the crash records of the run before: taken for none, or told in lines.
#include "../../kernel/loader/crash.h"

#include <stdlib.h>

#include "check.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct crash_area *area = aligned_alloc(PAGE_BYTES, sizeof(*area));  // where the address sanitizer sees a read behind the end
    struct input input = { data, bytes };
    memset(area, 0, sizeof(*area));
    uint64_t seal = take(&input, 1);
    for (unsigned i = 0; i < CRASH_SLOTS; i++) {
        struct crash_record *record = &area->slot[i];
        // What is before the lists counts most; the rest repeats the input.
        for (size_t at = 0; at < sizeof(*record) && input.left > 0; at += 1 + at / 64)
            ((uint8_t *)record)[at] = (uint8_t)take(&input, 1);
        memset(record->line, (int)take(&input, 1), sizeof(record->line));
        if (seal >> i & 1) {  // a record that some kernel has written, and not damaged since
            record->magic = CRASH_MAGIC;
            record->bytes = sizeof(*record);
            record->abi = CAP_ABI;
            record->kind = (uint32_t)(1 + record->kind % (CRASH_KINDS - 1));
            if (seal >> 7 & 1) {
                record->backtrace_count %= CRASH_BACKTRACE + 2;
                record->event_count %= CRASH_EVENTS + 2;
                record->line_count %= CRASH_LINES + 2;
                record->message_cpus %= CPU_MAX + 2;
            }
            record->checksum = crash_checksum(record);
        }
    }
    const struct crash_record *record = crash_newest(area);
    char text[CRASH_TEXT];
    for (unsigned i = 0; record != NULL && crash_line(record, i, text); i++) {
        CHECK(strnlen(text, CRASH_TEXT) < CRASH_TEXT);
        CHECK(i < 1000);
    }
    free(area);
    return 0;
}
