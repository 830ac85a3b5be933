// SPDX-License-Identifier: BSD-2-Clause
// Replies that another CPU rewrites while the kernel reads them (race.def).

#include "race.h"

#include <caps/ept_map.h>
#include <caps/info.h>
#include <rt/call.h>
#include <rt/channel.h>
#include <rt/info.h>
#include <rt/reply.h>

#include "hostile.h"

#define TAG         0x2000ull
#define RACING_CPU  0  // the other CPUs write into its replies
#define LAST_WRITE  256  // turns until the other CPU has seen that it may not
#define CHECKED     (GROUP_HOST | GROUP_CONTROLS | GROUP_APIC)

enum end { INVOKED, REPLIED };

static const struct race_row {
    enum end end;
    uint32_t offset, bytes;
    uint64_t value[2];
    bool faults;
    struct op op;
} races[RACE_COUNT] = {
#define RACE(name, how, member, first, second, text, op_code, op_object, op_a, op_b, op_c)                                  \
    { how, offsetof(struct reply, member), sizeof(((struct reply *)0)->member), { (first), (second) }, sizeof(text) > 1,    \
      { (uint16_t)(op_code), (uint16_t)(op_object), (uint32_t)(op_a), (op_b), (op_c) } },
#include "race.def"
#undef RACE
};

static volatile bool open;  // the other CPU may write; a reload closes it

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

static void pause_for(uint64_t turns)
{
    for (volatile uint64_t left = turns; left > 0; left--)
        ;
}

static uint64_t at_run_time(const struct try *try, uint64_t value)
{
    static uint64_t next;
    return value == RACE_PAGE ? try->page : value == RACE_HIDDEN ? try->hidden : value == RACE_NEXT ? (next++ % 4096) * PAGE_BYTES : value;
}

// The other CPU: writes both values into all replies of the racing one.
uint64_t attempt_race_writer(const struct try *try)
{
    const struct race_row *race = &races[try->parameter % RACE_COUNT];
    uint64_t state = (uint64_t)(uintptr_t)race * (try->req->sequence + 1u);
    for (unsigned i = 0; i < RACE_WRITES; i++) {
        const uint64_t value = at_run_time(try, race->value[i % 2]);
        for (unsigned slot = 0; slot < RING_SLOTS && open; slot++) {
            volatile uint8_t *place = (volatile uint8_t *)&rt_channel[RACING_CPU].channel.reply[slot].reply + race->offset;
            switch (race->bytes) {
            case 2: *(volatile uint16_t *)(volatile void *)place = (uint16_t)value; break;
            case 4: *(volatile uint32_t *)(volatile void *)place = (uint32_t)value; break;
            default: *(volatile uint64_t *)(volatile void *)place = value; break;
            }
        }
        pause_for(random_next(&state) % 16);
    }
    return 0;
}

static bool is_control(unsigned field)
{
    return field == VMCS_PIN_CONTROLS || field == VMCS_PROC_CONTROLS2 || field == VMCS_EXIT_CONTROLS || field == VMCS_ENTRY_CONTROLS;
}

// Whether something is in force that must not be: 0 if not.
static uint64_t in_force(const struct try *try)
{
    static const enum vmcs_field word[] = { VMCS_PIN_CONTROLS, VMCS_PROC_CONTROLS, VMCS_PROC_CONTROLS2, VMCS_EXIT_CONTROLS, VMCS_ENTRY_CONTROLS };
    const uint64_t (*field)[VMCS_FIELD_COUNT] = try->req->field;
    if (rt_fetch(VMCS_HANDLE_01, CHECKED, 0) != STATUS_OK || rt_fetch(RACE_OWN, CHECKED, 1) != STATUS_OK)
        return 1;
    for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++)
        if ((field[1][word[i]] & info->forced1[i]) != info->forced1[i] || (field[1][word[i]] & info->forced0[i]) != 0)
            return 2;
    uint64_t hash = 0xcbf29ce484222325;
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
        if (vmcs_field_info[i].group == GROUP_INDEX_HOST && field[0][i] != field[1][i])
            return 3;
        if (vmcs_field_info[i].group == GROUP_INDEX_HOST || is_control(i))
            hash = (hash ^ field[0][i]) * 0x100000001b3;
    }
    if (plan.vmcs01 == 0)
        *(volatile uint64_t *)&plan.vmcs01 = hash;  // stays: not by state_set()
    if (plan.vmcs01 != hash)
        return 4;
    const uint64_t address = field[1][VMCS_VIRTUAL_APIC_ADDR];
    return address != 0 && address != try->page ? 5 : 0;
}

// A VMCS02 and a tree that are fit for use; a reload takes both away, and this with them.
static uint64_t prepare(const struct try *try)
{
    static bool prepared;
    open = false;
    pause_for(LAST_WRITE);
    try->rep->op_count = 0;
    reply_op(try->rep, OP_VMCS_RESET, RACE_OWN, 0, 0, 0);
    reply_op(try->rep, OP_VMCS_EPT, RACE_OWN, 0, TAG, 0);
    if (!prepared)
        reply_op(try->rep, OP_EPT_CREATE, 0, 0, TAG, 0);
    prepared = true;
    return rt_invoke() == STATUS_OK ? in_force(try) : 200;
}

static uint64_t race_invoked(const struct try *try, const struct race_row *race, uint64_t *state)
{
    uint32_t count[2] = { 0, 0 };
    for (unsigned i = 0; i < (race->faults ? 1 : RACE_ROUNDS); i++) {
        struct op *op = &try->rep->op[0];
        op->code = race->op.code;
        op->object = race->op.object;
        op->a = race->op.a;
        op->b = at_run_time(try, race->op.b);
        op->c = at_run_time(try, race->op.c);
        try->rep->op_count = 1;
        pause_for(random_next(state) % 128);
        const enum status status = rt_invoke();
        if (status != STATUS_OK && (race->faults || (status != STATUS_BAD_ADDRESS && status != STATUS_UNSUPPORTED)))
            return RACE_WRONG | 100 | status;
        count[status != STATUS_OK]++;
        const uint64_t wrong = in_force(try);
        if (wrong != 0)
            return RACE_WRONG | wrong;
    }
    open = false;
    pause_for(LAST_WRITE);
    return RACE_ENDED(count[0], count[1]);
}

uint64_t attempt_race(const struct try *try)
{
    const struct race_row *race = &races[try->parameter % RACE_COUNT];
    uint64_t state = (uint64_t)(uintptr_t)race + try->req->sequence;
    const uint64_t wrong = prepare(try);
    if (wrong != 0)
        return RACE_WRONG | wrong;
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        try->rep->field[0][i] = RACE_POISON;
    try->rep->field[0][VMCS_APIC_ACCESS_ADDR] = try->rep->field[0][VMCS_VIRTUAL_APIC_ADDR] = try->page;
    open = true;
    if (race->end == INVOKED)
        return race_invoked(try, race, &state);
    try->rep->vmcs02 = 2;
    try->rep->op[0].code = race->op.code;
    pause_for(random_next(&state) % 128);
    return RACE_ENDED(1, 0);
}

// What the CPU would run the VMCS02 on.
uint64_t attempt_race_tree(const struct try *try)
{
    return rt_fetch(RACE_OWN, GROUP_EPTP, 1) == STATUS_OK ? try->req->field[1][VMCS_EPTP] : 0;
}
