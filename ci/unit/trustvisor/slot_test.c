// SPDX-License-Identifier: BSD-2-Clause
// While a message looks for its PAL, other CPUs end that PAL, and another program registers one in its slot: nothing happens to that one.
#include <string.h>

#include "../../../trustvisor/pal.h"
#include "program.h"

static unsigned rights;
static enum pal_state armed;   // FREE: nothing happens; the state that the other one's is in

struct pal *__real_pal_find(const struct caller *caller, uint64_t entry, union pal_place *seen);
bool __real_pal_mapped(const struct pal *pal, uint32_t page);
bool __real_pal_all_mapped(const struct pal *pal);

// It is in the same place, as far as the state and the CPU go; only the program isn't.
static void change_hands(struct pal *pal)
{
    const enum pal_state to = armed;
    if (to == PAL_FREE)
        return;
    armed = PAL_FREE;
    CHECK(pal_change(pal, pal_state(pal), PAL_ENDING, 1));
    CHECK(pal_change(pal, PAL_ENDING, PAL_FREE, 0));
    CHECK(pal_change(pal, PAL_FREE, PAL_MAKING, 2));
    pal->space ^= 0x8000;
    CHECK(pal_change(pal, PAL_MAKING, to, 0));
}

struct pal *__wrap_pal_find(const struct caller *caller, uint64_t entry, union pal_place *seen)
{
    struct pal *pal = __real_pal_find(caller, entry, seen);
    if (pal != NULL)
        change_hands(pal);
    return pal;
}

// Behind what is found not to be there.
static bool mapped(const struct pal *pal, bool found)
{
    if (!found)
        change_hands(&pal_table[pal_number(pal)]);
    return found;
}
bool __wrap_pal_mapped(const struct pal *pal, uint32_t page) { return mapped(pal, __real_pal_mapped(pal, page)); }
bool __wrap_pal_all_mapped(const struct pal *pal) { return mapped(pal, __real_pal_all_mapped(pal)); }

static void others_pal_is_as_it_was(enum pal_state state)
{
    CHECK_EQ(armed, PAL_FREE);  // it has happened
    CHECK_EQ(pal_state(&pal_table[0]), state);
    CHECK(pal_table[0].section_count == 4 && pal_table[0].page_count == 4);
    CHECK_EQ(world_owned_pages(), 4);
    CHECK(pal_sees(0, DATA_PAGE, &rights) == world_at(FRAME_OF(DATA_PAGE)));
    for (unsigned i = 0; i < PAGE_BYTES; i++)
        CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(DATA_PAGE) + i), 0x90);
}

TEST(a_call_does_not_start_what_has_become_another_programs)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    armed = PAL_IDLE;
    const struct reply *rep = program_enter();
    CHECK(rep->verdict == VERDICT_RESUME && rep->set == 0);  // made again, it is nobody's
    others_pal_is_as_it_was(PAL_IDLE);
    CHECK_EQ(program_touch(ENTRY, 4)->verdict, VERDICT_FORWARD);
}

TEST(a_call_does_not_go_on_in_what_has_become_another_programs)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    CHECK_EQ(pal_leave(EXIT_EXTERNAL_INTERRUPT)->verdict, VERDICT_L1);
    armed = PAL_SUSPENDED;
    const struct reply *rep = program_enter();
    CHECK(rep->verdict == VERDICT_RESUME && rep->set == 0);
    others_pal_is_as_it_was(PAL_SUSPENDED);
}

TEST(nothing_is_lent_to_what_has_become_another_programs)
{
    program_registered(8);
    program_large(1);
    armed = PAL_IDLE;
    CHECK(program_share(LARGE_AT, PAGE_BYTES) != TV_OK);
    others_pal_is_as_it_was(PAL_IDLE);
}

TEST(what_has_become_another_programs_is_not_unregistered)
{
    for (unsigned suspended = 0; suspended < 2; suspended++) {
        program_registered(8);
        world_gpr[GPR_RSI] = BUFFER_PAGE;
        if (suspended) {
            (void)program_enter();
            (void)pal_leave(EXIT_EXTERNAL_INTERRUPT);
        }
        armed = suspended ? PAL_SUSPENDED : PAL_IDLE;
        CHECK(program_unregister() != 0);
        others_pal_is_as_it_was(suspended ? PAL_SUSPENDED : PAL_IDLE);
        program_l1[VMCS_GUEST_CR3] ^= 0x8000;
        CHECK_EQ(program_unregister(), 0);  // its own program may
        CHECK(program_nothing_left());
        program_l1[VMCS_GUEST_CR3] ^= 0x8000;
    }
}

TEST(a_page_that_is_missing_does_not_end_what_has_become_another_programs)
{
    program_registered(8);
    *program_pte(DATA_PAGE) = 0;
    program_l1[VMCS_GUEST_CR3] = 0x5000;
    armed = PAL_IDLE;
    CHECK_EQ(program_touch(DATA_PAGE, 2)->verdict, VERDICT_RESUME);
    others_pal_is_as_it_was(PAL_IDLE);
}

TEST(a_program_that_is_gone_does_not_end_what_has_become_another_programs)
{
    program_start(8);
    for (unsigned i = 0; i < PAL_MAX; i++)  // a slot is needed: all are looked at
        CHECK(pal_change(&pal_table[i], PAL_FREE, PAL_MAKING, 5));
    CHECK(pal_change(&pal_table[0], PAL_MAKING, PAL_FREE, 0));
    program_two_params();
    CHECK_EQ(program_register(), TV_OK);
    *program_pte(DATA_PAGE) = 0;
    armed = PAL_IDLE;
    CHECK(program_call(TV_CALL_REGISTER, SECTIONS_AT, 0, PARAMS_AT, ENTRY + 16) != 0);
    others_pal_is_as_it_was(PAL_IDLE);
}
