// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as the DMAR table: refused, or each unit's registers are pages of no RAM below 4 GiB, and no two share one.
#include "../../kernel/loader/dmar.h"

#include <stdlib.h>

#include "check.h"
#include "input.h"

#define HEADER 36u
#define HIDDEN 0x10000000ull
#define BYTES  (16ull << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct boot_info info = { .range_count = 1, .range = { { .base = 0x100000, .bytes = 0x7ff00000, .kind = RANGE_RAM } } };
    struct dmar dmar;
    if (bytes < HEADER)
        return 0;
    uint8_t *table = malloc(bytes);  // where the address sanitizer sees a read behind the end
    memcpy(table, data, bytes);
    if (dmar_read(&dmar, table, (uint32_t)bytes, &info, HIDDEN, BYTES) == NULL) {
        CHECK(dmar.count > 0 && dmar.count <= VTD_UNITS);
        for (unsigned i = 0; i < dmar.count; i++) {
            CHECK(dmar.unit[i].base % PAGE_BYTES == 0 && dmar.unit[i].base + dmar.unit[i].bytes <= 1ull << 32);
            CHECK(dmar.unit[i].base >= 0x80000000 || dmar.unit[i].base + dmar.unit[i].bytes <= 0x100000);
            for (unsigned j = 0; j < i; j++)
                CHECK(dmar.unit[i].base >= dmar.unit[j].base + dmar.unit[j].bytes || dmar.unit[j].base >= dmar.unit[i].base + dmar.unit[i].bytes);
        }
    }
    free(table);
    return 0;
}
