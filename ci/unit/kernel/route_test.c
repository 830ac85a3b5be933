// SPDX-License-Identifier: BSD-2-Clause
// An exit whose partition isn't there: who else is asked, whatever becomes of the partition meanwhile.
#include "../check.h"
#include "boot_info.h"
#include "ept01.h"
#include "ept02.h"
#include "exit.h"
#include "fault.h"
#include "inject.h"
#include "io.h"
#include "ipc.h"
#include "lapic.h"
#include "log.h"
#include "partition.h"
#include "reply.h"
#include "route.h"
#include "upcall.h"
#include "vmcs.h"
#include "vmcs02.h"

static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct vmx_caps caps;
const struct vmx_caps *vmx_caps = &caps;
uint32_t ept01_generation, ept02_generation;
const struct group_field *group_first[GROUP_COUNT + 1];
static struct partition loadable;
static struct records_partition record;
static struct cpu cpu __attribute__((aligned(CPU_BLOCK_BYTES)));
static struct event event;
static struct partition behind, claimer, all;
static struct vmcs02 l2;
static unsigned answers, faults, behinds, agains;
static bool forwards;
static uint64_t taken_leaf, cause;
static enum partition_state meanwhile;

// The kernel's own answer, and the #UD of who pays for a partition that is parked.
static void own_answer(struct cpu *on) { CHECK(on == &cpu); answers++; }
kernel_handler_t *const kernel_handler[ORIGIN_COUNT][EXIT_REASON_COUNT] = { [ORIGIN_L1] = { [EXIT_CPUID] = own_answer },
                                                                             [ORIGIN_L2] = { [EXIT_EPT_VIOLATION] = own_answer } };
void inject_ud(struct cpu *on) { CHECK(on == &cpu); faults++; }

// It isn't to be entered, as partition_wait() has found; before the router looks again, something happens.
bool partition_wait(struct partition *partition, struct partition_cpu *slot)
{
    CHECK((partition == &loadable || partition == &claimer || partition == &all) && record.state >= PARTITION_PARKED);
    slot->inside = 0;
    return false;
}
enum status ipc_send_again(struct cpu *on, struct partition *partition, const struct message *message, enum status status, struct answer *answer)
{
    CHECK(on == &cpu && (partition == &loadable || partition == &claimer || partition == &all) && message->kind == MSG_EXIT && status == STATUS_BUSY);
    *(partition == &all ? &behinds : &agains) += 1;
    answer->killed = false;
    answer->verdict = VERDICT_FORWARD;
    answer->arg[0] = cause;
    record.state = meanwhile;
    if (partition == &all)
        answer->verdict = VERDICT_L1;
    return forwards || partition == &all ? STATUS_OK : STATUS_FAULTED;
}
void group_read_fields(uint64_t count, const struct group_field *end, uint64_t bank[VMCS_FIELD_COUNT]) { (void)count, (void)end, (void)bank; }
struct group_list group_list(uint64_t groups, bool exited) { return (struct group_list){ groups && exited ? group_first[0] : NULL, NULL }; }

// Nothing of this is for an exit that no partition gets.
#define NEVER { __builtin_trap(); }
void vmcs_load(struct cpu *on, hpa_t vmcs) { on->vmcs_current = vmcs; }
uint64_t fake_vmread(uint64_t encoding) { return encoding & 0; }
void fake_vmwrite(uint64_t encoding, uint64_t value) { (void)encoding, (void)value; }
void *fake_frame(void) { return &cpu; }
void inject_gp(struct cpu *on, uint32_t error_code) { (void)on, (void)error_code; NEVER }
void event_reinject(struct cpu *on) { (void)on; NEVER }
void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
bool io_claimed(const struct cpu *on, const struct route_cap *range)
{
    CHECK(on == &cpu && range->reason == EXIT_IO);
    return event.qualification >> 16 == range->first;
}
void lapic_requeue(uint8_t vector) { (void)vector; NEVER }
uint32_t ept01_owner(gpa1_t page) { return page.v == 0; }
uint64_t ept02_taken(uint32_t root, gpa2_t address, enum ept02_taken what)
{
    CHECK(root == 3 && address.v == 0 && what == TAKEN_LOOK);
    return taken_leaf;
}
uint32_t vmcs02_root(const struct vmcs02 *vmcs02)
{
    CHECK(vmcs02 == &l2);
    return 3;
}
enum status vmcs02_take(struct vmcs02 *vmcs02, struct cpu *on)
{
    CHECK(vmcs02 == &l2 && on == &cpu);
    return STATUS_OK;
}
struct vmcs02 *vmcs02_at(uint32_t index) { (void)index; NEVER }
enum status ipc_send(struct cpu *on, struct partition *partition, const struct message *message, struct answer *answer)
{
    CHECK(on == &cpu && (partition == &behind || partition == &all) && message->origin == ORIGIN_L2);
    behinds++;
    answer->verdict = VERDICT_L1;
    return STATUS_OK;
}
uint32_t ipc_root(const struct vmcs02 *vmcs02, const struct partition *partition) { (void)vmcs02, (void)partition; NEVER }
void ipc_show_event(const struct cpu *on, uint64_t bank[VMCS_FIELD_COUNT]) { (void)on, (void)bank; NEVER }
void ipc_fields_before(const struct partition_cpu *slot, struct request *request) { (void)slot, (void)request; NEVER }
int64_t ipc_upcall_special(struct cpu *on, struct partition *partition, struct partition_cpu *slot, uint64_t request)
{
    (void)on, (void)partition, (void)slot, (void)request;
    NEVER
}
int64_t upcall(uint64_t on, uint64_t request, uint64_t entry, uint64_t user_rsp, uint64_t reply, uint64_t *rsp0)
{
    (void)on, (void)request, (void)entry, (void)user_rsp, (void)reply, (void)rsp0;
    NEVER
}
enum status batch_decode(struct batch *batch, struct cpu *on, struct partition *partition, const struct reply *reply)
{
    (void)batch, (void)on, (void)partition, (void)reply;
    NEVER
}
enum status batch_invoke(struct batch *batch, struct cpu *on) { (void)batch, (void)on; NEVER }
void batch_abandon(struct batch *batch) { (void)batch; NEVER }
bool batch_status_returned(enum status status) { (void)status; NEVER }
void fault_reply(const struct partition *partition, const struct cpu *on, const struct batch *batch, const struct reply *reply, enum status status)
{
    (void)partition, (void)on, (void)batch, (void)reply, (void)status;
    NEVER
}

// A CPUID of L1's in the range of the partition's, which is in that state, and in the other one after.
static void exit_cpuid(enum partition_state before, enum partition_state after)
{
    loadable = (struct partition){ .name = "loadable", .record = &record, .slot[0] = &loadable.cpu[0],
        .header = { .route_count = 1, .routes = { { .kind = ROUTE_RANGE, .origin = ORIGIN_L1, .reason = EXIT_CPUID, .first = 0x42480000, .last = 0x424800ff } } } };
    cpu = (struct cpu){ .level = ORIGIN_L1, .reason = EXIT_CPUID, .event = &event, .gpr[GPR_RAX] = 0x42480001 };
    route_link(&loadable, true);
    record.state = before;
    meanwhile = after;
    route_exit(&cpu);
}

TEST(a_dormant_ones_exits_are_the_kernels)
{
    exit_cpuid(PARTITION_DORMANT, PARTITION_DORMANT);
    CHECK(answers == 1 && faults == 0);
}

TEST(one_that_was_dormant_and_is_loaded_again_passes_the_exit_on)
{
    exit_cpuid(PARTITION_DORMANT, PARTITION_STOPPING);
    CHECK(answers == 1 && faults == 0);
}

TEST(one_that_was_dormant_and_is_ready_again_passes_the_exit_on)
{
    exit_cpuid(PARTITION_DORMANT, PARTITION_READY);
    CHECK(answers == 1 && faults == 0);
}

TEST(a_parked_ones_exits_are_undefined)
{
    exit_cpuid(PARTITION_PARKED, PARTITION_PARKED);
    CHECK(answers == 0 && faults == 1);
}

// A violation of an L2's, with a tree of its own, about a page that the partition has taken; another one is asked after it.
static void violate(uint64_t qualification, bool vanishing, bool answers_it, enum partition_state after)
{
    loadable = (struct partition){ .name = "loadable", .record = &record, .slot[0] = &loadable.cpu[0],
        .header = { .route_count = 1, .routes = { { .kind = ROUTE_TAKEN, .origin = ORIGIN_L2, .reason = EXIT_EPT_VIOLATION } } } };
    behind = (struct partition){ .name = "behind", .index = 1, .record = &record,
        .header = { .route_count = 1, .routes = { { .kind = ROUTE_EXIT, .origin = ORIGIN_L2, .reason = EXIT_EPT_VIOLATION, .priority = 1 } } } };
    l2 = (struct vmcs02){ .tag = 0x7000 };
    cpu = (struct cpu){ .level = ORIGIN_L2, .vmcs02 = &l2, .reason = EXIT_EPT_VIOLATION, .event = &event };
    event.qualification = qualification;
    taken_leaf = 1ull << EPT_OWNER_SHIFT | (vanishing ? EPT_VANISHING : 0);
    forwards = answers_it;
    meanwhile = after;
    answers = behinds = 0;
    if (!route_has(ORIGIN_L2, EXIT_EPT_VIOLATION)) {
        route_link(&loadable, true);
        route_link(&behind, true);
    }
    record.state = PARTITION_PARKED;  // so that the message goes by ipc_send_again()
    route_exit(&cpu);
}

TEST(a_write_of_an_l2s_that_may_vanish_is_the_kernels_to_do)
{
    violate(2, true, true, PARTITION_READY);
    CHECK(answers == 1 && behinds == 0);
    violate(2, true, false, PARTITION_PARKED);  // also where its owner can't say so any more
    CHECK(answers == 1 && behinds == 0);
}

TEST(any_other_access_of_an_l2s_to_a_taken_page_is_for_who_comes_next)
{
    violate(2, false, true, PARTITION_READY);
    CHECK(answers == 0 && behinds == 1);
    violate(4, true, true, PARTITION_READY);
    CHECK(answers == 0 && behinds == 1);
}

TEST(an_l2_reads_and_writes_a_page_whose_owner_is_parked_as_ever)
{
    for (uint64_t access = 1; access <= 3; access++) {
        violate(access, false, false, PARTITION_PARKED);  // `ept` sees to it: the dirty flag is to be set first, or EPT12 forbids the write
        CHECK(answers == 0 && behinds == 1);
        if (!(access & 2)) {
            violate(access, true, false, PARTITION_PARKED);
            CHECK(answers == 0 && behinds == 1);
        }
    }
}

TEST(an_l2_that_fetches_from_a_page_whose_owner_is_parked_ends)
{
    violate(4, true, false, PARTITION_PARKED);
    CHECK(answers == 0 && behinds == 0 && cpu.level == ORIGIN_L1 && cpu.vmcs02 == NULL);
}

TEST(an_l2s_on_ept01_has_the_kernels_answer_but_for_an_exception)
{
    violate(2, false, true, PARTITION_READY);
    l2.tag = 0;
    for (cause = 0; cause <= 1; cause++) {
        cpu.level = ORIGIN_L2;
        cpu.vmcs02 = &l2;
        record.state = PARTITION_PARKED;
        answers = behinds = 0;
        route_exit(&cpu);
        CHECK(answers == (cause == 0) && behinds == (cause == 1));
    }
    forwards = false;
    meanwhile = record.state = PARTITION_PARKED;
    for (uint64_t access = 1; access <= 4; access++) {
        cpu.level = ORIGIN_L2;
        cpu.vmcs02 = &l2;
        event.qualification = access;
        answers = behinds = 0;
        route_exit(&cpu);
        CHECK(answers == (access < 4) && behinds == 0 && (cpu.level == ORIGIN_L1) == (access == 4));
    }
}

// Exits of L2s by numbers: a partition claims KEY, another one has them all.
#define KEY 0x84u
static const enum exit_reason numbered[] = { EXIT_IO, EXIT_CPUID, EXIT_VMCALL, EXIT_RDMSR, EXIT_WRMSR };
enum { NUMBERED = sizeof(numbered) / sizeof(numbered[0]) };

static void exit_number(enum exit_reason reason, uint64_t key, bool answers_it, enum partition_state after)
{
    if (!route_has(ORIGIN_L2, reason)) {
        claimer = (struct partition){ .name = "claimer", .index = 2, .record = &record, .slot[0] = &claimer.cpu[0], .header.route_count = NUMBERED };
        all = (struct partition){ .name = "all", .index = 3, .record = &record, .slot[0] = &all.cpu[0], .header.route_count = NUMBERED };
        for (unsigned i = 0; i < NUMBERED; i++) {
            claimer.header.routes[i] = (struct route_cap){ .kind = ROUTE_RANGE, .origin = ORIGIN_L2, .reason = (uint16_t)numbered[i], .first = KEY, .last = KEY };
            all.header.routes[i] = (struct route_cap){ .kind = ROUTE_EXIT, .origin = ORIGIN_L2, .reason = (uint16_t)numbered[i], .priority = 1 };
        }
        route_link(&all, true);
        route_link(&claimer, true);
    }
    const bool rcx = reason == EXIT_RDMSR || reason == EXIT_WRMSR;
    cpu = (struct cpu){ .level = ORIGIN_L2, .vmcs02 = &l2, .reason = reason, .event = &event, .gpr = { [GPR_RAX] = rcx ? ~key : key, [GPR_RCX] = rcx ? key : ~key } };
    event.qualification = reason == EXIT_IO ? key << 16 : ~0ull;
    answers = behinds = agains = 0;
    forwards = answers_it;
    cause = 0;
    meanwhile = after;
    record.state = PARTITION_PARKED;  // so that the message goes by ipc_send_again()
    route_exit(&cpu);
}

TEST(an_l2s_exit_by_a_number_that_is_claimed_is_that_partitions_first)
{
    for (unsigned i = 0; i < NUMBERED; i++) {
        exit_number(numbered[i], KEY, true, PARTITION_READY);
        CHECK(agains == 1 && behinds == 1 && answers == 0);  // and forwarded
        exit_number(numbered[i], KEY - 1, true, PARTITION_READY);
        CHECK(agains == 0 && behinds == 1);
        exit_number(numbered[i], KEY + 1, true, PARTITION_READY);
        CHECK(agains == 0 && behinds == 1);
    }
}

TEST(what_a_parked_partition_has_claimed_of_l2s_is_as_if_nobody_had)
{
    for (unsigned i = 0; i < NUMBERED; i++) {
        exit_number(numbered[i], KEY, false, PARTITION_PARKED);
        CHECK(agains == 1 && behinds == 1 && faults == 0 && cpu.level == ORIGIN_L1);  // as the one behind has it
    }
}
