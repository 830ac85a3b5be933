// SPDX-License-Identifier: BSD-2-Clause
#include "refused.h"

#include <string.h>

#include "../../nestvmx/entry_check.h"
#include "../../nestvmx/vmcs12.h"
#include "../unit/harness.h"

#define NONE "one that has no name here"

static const char *section_of(const char *name)
{
    static const struct { const char *name, *section; } row[] = {
#define CHECK_STATE(check, section, condition) { #check, section },
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
    world_info.physical_bits = 52;  // the record doesn't say how many its CPU has: no address is refused for what may be right there
    memcpy(v.value, field, sizeof(v.value));
    const char *name = entry_check_refused(&v);
    *section = section_of(name);
    return strcmp(name, NONE) == 0 ? NULL : name;
}
