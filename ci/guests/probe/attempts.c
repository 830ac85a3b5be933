// SPDX-License-Identifier: BSD-2-Clause
// hostile's and pauper's attempts, one after the other: each ends as attempt.def says, and then the partition answers again.

#include <caps/cap.h>
#include <caps/hypercall.h>
#include <caps/vmcs_field.h>

#include "attempt.h"
#include "probe.h"

static const struct { const char *name; int who, count, expect; } attempts[ATTEMPT_COUNT] = {
#define ATTEMPT(name, who, count, expect, text) { #name, who, count, expect },
#define BATCH(name, who, count, invoked, expect, text) { #name "_invoked", who, count, invoked }, { #name "_replied", who, count, expect },
#define ANSWER(name, who, count, expect, text) { #name, who, count, expect },
#include "attempt.def"
#undef ATTEMPT
#undef BATCH
#undef ANSWER
};

static const char *const instruction_vectors[INSTRUCTION_COUNT] = {
#define INSTRUCTION(name, vectors, ...) vectors,
#include "instruction.def"
#undef INSTRUCTION
};

static uint64_t probe_hidden;

static int expected(int number, int parameter)
{
    if (number == TRY_instruction && instruction_vectors[parameter][0] == 0)
        return 0;
    return attempts[number].expect;
}

// Fields that the partition may write: no attempt.
static bool allowed(int number, int parameter)
{
    if (number != TRY_field_01_invoked && number != TRY_field_01_replied && number != TRY_field_02_invoked && number != TRY_field_02_replied)
        return false;
    const struct vmcs_field_info *field = &vmcs_field_info[parameter];
    if (field->policy == POLICY_KERNEL || field->policy == POLICY_READ_ONLY)
        return false;
    return number == TRY_field_02_invoked || number == TRY_field_02_replied || ((field->encoding >> 10) & 3) == CLASS_GUEST ||
           field->group == GROUP_INDEX_EVENT || field->group == GROUP_INDEX_EVENT_DATA || field->group == GROUP_INDEX_CR_SHADOW;
}

static bool silent(int number) { return number == TRY_never_replies || number == TRY_never_replies_twice; }

static void note(int number, int parameter, int expect, int who)
{
    struct registers registers = { HYPERCALL_HOSTILE_NOTE, (uint64_t)number, (uint64_t)parameter, (uint64_t)(int64_t)expect, (uint64_t)who };
    (void)hypercall(&registers);
}

static bool attempt(int number, int parameter, int who)
{
    const int expect = expected(number, parameter);
    const uint64_t call = who == RICH ? HYPERCALL_HOSTILE_TRY : HYPERCALL_PAUPER_TRY;
    struct registers registers = { call, (uint64_t)number, (uint64_t)parameter, probe_hidden, (uint64_t)(uintptr_t)probe_page };
    note(number, parameter, expect, who);
    const bool answered = hypercall(&registers);
    bool good = false;
    switch (expect) {
    case EXPECT_FAULTS: good = answered && registers.rax == OUTCOME_FAULTED; break;
    case EXPECT_UD: good = !answered; break;
    case EXPECT_NOTHING: good = answered && registers.rax == call; break;
    case EXPECT_ANY: good = answered && registers.rax == OUTCOME_ENDED; break;
    default: good = answered && registers.rax == OUTCOME_ENDED && registers.rbx == (uint64_t)expect; break;
    }
    good = good && registers.rcx == (uint64_t)parameter && registers.rdx == probe_hidden;
    if (!good) {
        report(who == RICH ? "WRONG hostile" : who == POOR ? "WRONG pauper" : "WRONG thief", attempts[number].name, (uint64_t)parameter, registers.rax);
        report("and", "rbx", answered, registers.rbx);
    }
    return good;
}

static uint64_t hash(uint64_t call)
{
    struct registers registers = { .rax = call, .rbx = TRY_hash };
    return hypercall(&registers) && registers.rax == OUTCOME_ENDED ? registers.rbx : 0;
}

struct hashes hashes_take(void) { return (struct hashes){ hash(HYPERCALL_HOSTILE_TRY), hash(HYPERCALL_PAUPER_TRY) }; }

static bool unchanged(const struct hashes *before)
{
    const struct hashes now = hashes_take();
    if (now.hostile != before->hostile)
        report("WRONG", "hash hostile", before->hostile, now.hostile);
    if (now.pauper != before->pauper)
        report("WRONG", "hash pauper", before->pauper, now.pauper);
    return now.hostile != 0 && now.hostile == before->hostile && now.pauper != 0 && now.pauper == before->pauper;
}

bool try_attempts(uint64_t hidden)
{
    const struct hashes before = hashes_take();
    uint64_t count = 0, wrong = 0;
    probe_hidden = hidden;
    report("finds", "hidden", 0, hidden);
    watch("before");
    for (int number = 0; number < ATTEMPT_COUNT; number++) {
        if (number == TRY_fault_thrice)  // then they are parked, one after the other
            wrong += !unchanged(&before);
        for (int who = RICH; who <= POOR; who++) {
            if (!(attempts[number].who & who))
                continue;
            for (int parameter = 0; parameter < attempts[number].count; parameter++) {
                if (allowed(number, parameter) || silent(number))
                    continue;
                probe_page[0] = WINDOW_VALUE;
                count++;
                wrong += !attempt(number, parameter, who) || probe_page[0] != WINDOW_VALUE;
            }
        }
    }
    watch("after");
    wrong += !pattern_intact();
    report("made", "attempts", count, wrong);
    return wrong == 0 && hidden != 0;
}

bool try_theft(uint64_t hidden)
{
    uint64_t count = 0, wrong = 0;
    probe_hidden = hidden;
    probe_page[0] = WINDOW_VALUE;
    wrong += !attempt(TRY_take_and_give, 0, THIEF);  // which makes the tables where it sees the page
    watch("before");
    for (int number = 0; number < ATTEMPT_COUNT; number++)
        for (int parameter = 0; parameter < attempts[number].count && (attempts[number].who & THIEF); parameter++, count++) {
            probe_page[0] = WINDOW_VALUE;
            wrong += !attempt(number, parameter, THIEF) || probe_page[0] != WINDOW_VALUE;
        }
    watch("after");
    wrong += !pattern_intact();
    report("made", "attempts", count, wrong);
    return wrong == 0 && hidden != 0;
}

bool try_silence(void)
{
    const struct hashes before = hashes_take();
    uint64_t wrong = 0;
    for (int number = 0; number < ATTEMPT_COUNT; number++)
        for (int who = RICH; who <= POOR && silent(number); who++)
            for (int parameter = 0; parameter < attempts[number].count; parameter++)
                wrong += !attempt(number, parameter, who);
    wrong += !unchanged(&before);
    return wrong == 0;
}
