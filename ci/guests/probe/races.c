// SPDX-License-Identifier: BSD-2-Clause
// Races between a partition's CPUs (partitions/hostile/race.def): this CPU's messages are answered while another CPU's rewrite the answers.

#include <caps/hypercall.h>

#include "attempt.h"
#include "cpu_insn.h"
#include "hypercall_insn.h"
#include "mp_services.h"
#include "probe.h"
#include "race.h"

#define TRIES   32u  // messages at most, for each time that both values are to be read
#define AT_REST (~0ull)

static const char *const names[RACE_COUNT] = {
#define RACE(name, ...) #name,
#include "race.def"
#undef RACE
};

static struct other { volatile uint64_t race, messages, hidden, stack; volatile bool resting; } other = { .race = AT_REST };

static void EFIAPI other_main(void *unused)
{
    (void)unused;
    interrupts_off();
    other.stack = rsp_read();
    for (;;) {
        struct registers registers = { HYPERCALL_HOSTILE_TRY, TRY_race_writer, other.race, other.hidden, (uint64_t)(uintptr_t)probe_page };
        if (registers.rcx == AT_REST) {
            other.resting = true;
            cpu_relax();
            continue;
        }
        other.resting = false;
        hypercall_insn(&registers);
        other.messages++;
    }
}

bool races_prepare(EFI_SYSTEM_TABLE *system)
{
    EFI_GUID guid = MP_SERVICES_GUID;
    struct mp_services *mp;
    UINTN all, enabled, me;
    EFI_EVENT event;
    if (EFI_ERROR(system->BootServices->LocateProtocol(&guid, NULL, (VOID **)&mp)) || EFI_ERROR(mp->count(mp, &all, &enabled)) ||
        EFI_ERROR(mp->who_am_i(mp, &me)) || all < 2 || me != 0 ||
        EFI_ERROR(system->BootServices->CreateEvent(0, TPL_CALLBACK, NULL, NULL, &event)) ||
        EFI_ERROR(mp->start_this(mp, other_main, 1, event, 0, NULL, NULL)))
        return false;
    while (other.stack == 0)
        cpu_relax();
    report("is", "stack", 1, other.stack);
    return true;
}

static void rest(void)
{
    other.race = AT_REST;
    other.resting = false;
    while (!other.resting)
        cpu_relax();
}

// Messages until the kernel has read both values often enough. Returns how many tries were wrong.
static uint64_t race(uint64_t number, uint64_t hidden, bool faults, uint64_t enough)
{
    uint64_t first = 0, second = 0;
    const uint64_t before = other.messages;
    struct registers note = { HYPERCALL_HOSTILE_NOTE, TRY_race, number, (uint64_t)(int64_t)EXPECT_ANY, RICH };
    (void)hypercall(&note);
    other.race = number;
    for (uint64_t i = 0; i < TRIES * enough && (first < enough || second < enough || other.messages < before + enough); i++) {
        struct registers registers = { HYPERCALL_HOSTILE_TRY, TRY_race, number, hidden, (uint64_t)(uintptr_t)probe_page };
        const bool answered = hypercall(&registers);
        const bool ended = answered && registers.rax == OUTCOME_ENDED, faulted = answered && registers.rax == OUTCOME_FAULTED;
        if ((!ended && !(faulted && faults)) || (ended && (registers.rbx & RACE_WRONG)) || registers.rcx != number || registers.rdx != hidden) {
            rest();
            report("WRONG race", names[number], i, registers.rbx);
            report("and", "rax", answered, registers.rax);
            return 1;
        }
        first += ended ? RACE_FIRST(registers.rbx) : 0;
        second += faulted ? 1 : RACE_SECOND(registers.rbx);
    }
    rest();
    report("raced", names[number], first, second);
    return 0;
}

bool try_races(uint64_t hidden, uint64_t enough)
{
    static const bool faults[RACE_COUNT] = {
#define RACE(name, end, member, first, second, text, ...) sizeof(text) > 1,
#include "race.def"
#undef RACE
    };
    const struct hashes before = hashes_take();
    uint64_t wrong = 0;
    other.hidden = hidden;
    watch("before");
    for (uint64_t number = 0; number < RACE_COUNT && wrong == 0; number++)
        wrong += race(number, hidden, faults[number], enough);
    // No CPU would enter that; but it is made ready to be entered, and then shows the tree.
    struct registers enter = { HYPERCALL_HOSTILE_TRY, TRY_l2_without_state, 0, hidden, (uint64_t)(uintptr_t)probe_page };
    struct registers tree = { HYPERCALL_HOSTILE_TRY, TRY_race_tree, 0, hidden, (uint64_t)(uintptr_t)probe_page };
    if (!hypercall(&enter) || !hypercall(&tree) || tree.rax != OUTCOME_ENDED)
        wrong++;
    report("finds", "tree", hidden, tree.rbx);
    watch("after");
    wrong += !pattern_intact();
    const struct hashes after = hashes_take();
    wrong += before.hostile == 0 || after.hostile != before.hostile || after.pauper != before.pauper;
    report("made", "races", RACE_COUNT, wrong);
    return wrong == 0 && hidden != 0;
}
