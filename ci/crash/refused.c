// SPDX-License-Identifier: BSD-2-Clause
#include "refused.h"

#include <string.h>

#include "../../nestvmx/entry_check.h"
#include "../../nestvmx/vmcs12.h"
#include "../unit/harness.h"

static const char *section_of(const char *name)
{
    static const struct { const char *name, *section; } row[] = {
#define CHECK_STATE(check, section, condition, qualification) { #check, section },
#define CHECK_CONTROL(...)
#define CHECK_MSR(...)
#define CHECK_EVENT(...)
#define CHECK_HOST(...)
#define CHECK_GUEST(...)
#include "../../nestvmx/entry_check.def"
    };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        if (strcmp(row[i].name, name) == 0)
            return row[i].section;
    return "";
}

const char *refused_by(const uint64_t field[VMCS_FIELD_COUNT], const char **section)
{
    static struct vmcs12 v;
    world_info.physical_bits = 52;  // the record doesn't say what its CPU has: no address is refused for what may be right there
    world_info.linear_bits = 57;
    world_info.cr4_supported = ~0ull;
    memcpy(v.value, field, sizeof(v.value));
    uint64_t qualification = 0;
    const char *name = entry_check_state(&v, &qualification);
    *section = name != NULL ? section_of(name) : "";
    return name;
}
