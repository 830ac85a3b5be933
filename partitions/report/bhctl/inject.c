// SPDX-License-Identifier: BSD-2-Clause
#include "inject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <caps/inject.h>
#include <caps/status.h>

// The kinds of which one can be asked for, in words.
static uint32_t kind_of(const char *word)
{
    for (uint32_t kind = INJECT_NONE + 1; kind <= INJECT_ON_REQUEST; kind++)
        if (strcmp(word, inject_kind_name(kind)) == 0)
            return kind;
    return INJECT_NONE;
}

// A number from least on, of digits alone.
static bool number(const char *word, uint32_t least, uint32_t *to)
{
    char *end;
    const unsigned long long value = strtoull(word, &end, 10);
    *to = (uint32_t)value;
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && value >= least && value <= UINT32_MAX;
}

static const char *take(struct fault *fault, const char *option, const char *value, char why[REGION_WHY])
{
    const bool is_at = strcmp(option, "--at") == 0, is_kind = strcmp(option, "--kind") == 0, is_instruction = strcmp(option, "--instruction") == 0;
    if (!is_at && !is_kind && !is_instruction)
        snprintf(why, REGION_WHY, "inject has no option '%.40s'", option);
    else if (!value)
        snprintf(why, REGION_WHY, "%s needs a value", option);
    else if (is_at && !number(value, 1, &fault->number))
        snprintf(why, REGION_WHY, "--at is the number of a message from now on, 1 for the next one, not '%.40s'", value);
    else if (is_instruction && !number(value, 0, &fault->instruction))
        snprintf(why, REGION_WHY, "--instruction is the number of an instruction of the message, not '%.40s'", value);
    else if (is_kind && (fault->kind = kind_of(value)) == INJECT_NONE)
        snprintf(why, REGION_WHY, "--kind is ud, pf, bad-reply or hang, not '%.40s'", value);
    else
        return NULL;
    return why;
}

const char *fault_parse(struct fault *fault, const struct records_machine *machine, int count, char **word, char why[REGION_WHY])
{
    *fault = (struct fault){ .partition = PARTITION_MAX };
    if (count == 0 || word[0][0] == '-')
        return "inject needs the name of a partition";
    for (uint32_t i = 0; i < machine->partition_count; i++)
        if (strcmp(word[0], machine->partition[i].name) == 0)
            fault->partition = i;
    if (fault->partition == PARTITION_MAX) {
        snprintf(why, REGION_WHY, "there is no partition '%.40s'", word[0]);
        return why;
    }
    for (int i = 1; i < count; i += 2) {
        const char *wrong = take(fault, word[i], i + 1 < count ? word[i + 1] : NULL, why);
        if (wrong)
            return wrong;
    }
    if (fault->number == 0 || fault->kind == INJECT_NONE)
        return "inject needs --at N and --kind KIND";
    return NULL;
}

const char *fault_refused(const struct fault *fault, const struct records_machine *machine, uint64_t answer, char why[REGION_WHY])
{
    const char *name = machine->partition[fault->partition].name;
    if (answer == STATUS_OK)
        return NULL;
    if (answer == STATUS_BUSY)
        snprintf(why, REGION_WHY, "a fault that was asked for before is still to come in %s", name);
    else if (answer == STATUS_UNSUPPORTED && !(machine->injectable >> fault->partition & 1))
        snprintf(why, REGION_WHY, "no fault may be injected into %s: the workload's configuration does not name it as injectable", name);
    else if (answer == STATUS_UNSUPPORTED && fault->kind == INJECT_HANG)
        snprintf(why, REGION_WHY, "nobody would end a hang: the watchdog is off, or there is only one CPU, without a counter for it");
    else
        snprintf(why, REGION_WHY, "Bulkhead refuses it: status %llu", (unsigned long long)answer);
    return why;
}
