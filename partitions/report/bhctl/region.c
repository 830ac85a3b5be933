// SPDX-License-Identifier: BSD-2-Clause
// Reading of the records. Nothing that is read is believed before it is checked: it is another program's, maybe another version's.

#include "region.h"

#include <stdio.h>
#include <string.h>

bool (*region_line)(uint64_t offset, uint64_t line[REPORT_LINE / sizeof(uint64_t)]);

bool region_read(uint64_t offset, void *to, size_t bytes)
{
    uint8_t *out = to;
    while (bytes > 0) {
        uint64_t line[REPORT_LINE / sizeof(uint64_t)];
        const size_t skip = (size_t)(offset % REPORT_LINE), count = bytes < REPORT_LINE - skip ? bytes : REPORT_LINE - skip;
        if (!region_line(offset - skip, line))
            return false;
        memcpy(out, (const uint8_t *)line + skip, count);
        offset += count;
        out += count;
        bytes -= count;
    }
    return true;
}

void region_text(char *text, size_t bytes)
{
    size_t i = 0;
    text[bytes - 1] = '\0';
    for (; text[i] != '\0'; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 127)
            text[i] = text[i] == '\n' && text[i + 1] == '\0' ? '\n' : '?';
}

const char *region_machine(struct records_machine *machine, char why[REGION_WHY])
{
    if (!region_read(0, machine, sizeof(*machine)))
        return "the records can't be read";
    if (machine->magic != RECORDS_MAGIC)
        return "what the partition report shows are not Bulkhead's records";
    if (machine->abi != CAP_ABI) {
        snprintf(why, REGION_WHY, "the Bulkhead that runs has ABI %u, this bhctl is for ABI %u", machine->abi, CAP_ABI);
        return why;
    }
    if (machine->cpu_count == 0 || machine->cpu_count > CPU_MAX || machine->partition_count > PARTITION_MAX ||
        machine->bytes != region_ring(machine, machine->partition_count, 0)) {
        snprintf(why, REGION_WHY, "the records are of another form than this bhctl knows: %u bytes, %u CPUs, %u partitions", machine->bytes,
                 machine->cpu_count, machine->partition_count);
        return why;
    }
    region_text(machine->version, sizeof(machine->version));
    region_text(machine->workload, sizeof(machine->workload));
    for (unsigned i = 0; i < PARTITION_MAX; i++)
        region_text(machine->partition[i].name, sizeof(machine->partition[i].name));
    return NULL;
}
