// SPDX-License-Identifier: BSD-2-Clause
// report: reads the records, all of them, and nothing else.

#include <stddef.h>
#include <string.h>

#include <caps/hypercall.h>
#include <caps/inject.h>
#include <caps/records.h>

#include "harness.h"
#include "world_op.h"

#define CPUS 2

// (Under the name that the runtime knows as constant.)
extern struct region { struct records records; struct records_cpu cpu[CPUS]; union request_slot ring[2][CPUS][RING_SLOTS]; } region __asm__("rt_records");
struct region region __asm__("rt_records") __attribute__((used));

static void fill(void)
{
    uint64_t *word = (uint64_t *)&region;
    for (unsigned i = 0; i < sizeof(region) / sizeof(*word); i++)
        word[i] = i * 0x9e3779b97f4a7c15ull;
    region.records.machine.bytes = sizeof(region);
    region.records.machine.cpu_count = CPUS;
    region.records.machine.partition_count = 2;
    region.records.machine.channels[0] = region.records.machine.channels[1] = 0x1000;
}

// The hypercall whose registers are set, which is answered.
static void by_port(void)
{
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = (uint64_t)HYPERCALL_PORT << 16 | 0xb;  // IN EAX
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP] = 0x1000;
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_INSTRUCTION_LENGTH] = 1;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_IO, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP], 0x1001);
}

// RAX.
static uint64_t line(uint64_t offset)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        world_gpr[i] = ~(uint64_t)i;
    world_gpr[GPR_RAX] = HYPERCALL_REPORT_READ;
    world_gpr[GPR_RBX] = offset;
    by_port();
    CHECK_EQ(world_gpr[GPR_RBX], offset);
    for (unsigned i = GPR_RCX; i < GPR_R8; i++)
        if (i != GPR_RBX)
            CHECK_EQ(world_gpr[i], ~(uint64_t)i);
    return world_gpr[GPR_RAX];
}

TEST(every_line_is_read)
{
    fill();
    for (uint64_t offset = 0; offset < sizeof(region); offset += REPORT_LINE) {
        CHECK_EQ(line(offset), REPORT_LINE);
        CHECK(memcmp(&world_gpr[GPR_R8], (const uint8_t *)&region + offset, REPORT_LINE) == 0);
    }
}

TEST(messages_that_nobody_is_to_see_are_not_there)
{
    for (unsigned hidden = 0; hidden < 2; hidden++) {
        fill();
        region.records.machine.channels[hidden] = 0;  // not mapped then
        for (uint64_t offset = offsetof(struct region, ring); offset < sizeof(region); offset += REPORT_LINE)
            CHECK_EQ(line(offset), (offset >= offsetof(struct region, ring[1])) == hidden ? 0 : REPORT_LINE);
        CHECK_EQ(line(offsetof(struct region, ring) - REPORT_LINE), REPORT_LINE);
    }
}

TEST(nothing_but_lines_is_read)
{
    static const uint64_t bad[] = { sizeof(region), sizeof(region) + REPORT_LINE, sizeof(region) - 8, 1, 8, 63, 65, 1ull << 32, 1ull << 63, ~0ull,
                                    0ull - REPORT_LINE };
    fill();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(line(bad[i]), 0);
        for (unsigned gpr = GPR_R8; gpr < GPR_COUNT; gpr++)
            CHECK_EQ(world_gpr[gpr], ~(uint64_t)gpr);
    }
}

TEST(other_numbers_are_others)
{
    fill();
    static const uint64_t number[] = { HYPERCALL_REPORT_INJECT + 1, HYPERCALL_REPORT_READ - 1, HYPERCALL_NULL, HYPERCALL_REPORT_READ | 1ull << 32, ~0ull };
    for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
        world_gpr[GPR_RAX] = number[i];
        world_gpr[GPR_RBX] = 0;
        world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = (uint64_t)HYPERCALL_PORT << 16 | 0xb;
        const struct reply *rep = world_exit(ORIGIN_L1, EXIT_IO, NULL);
        CHECK_EQ(rep->verdict, VERDICT_FORWARD);
        CHECK_EQ(rep->op_count, 0);
        CHECK_EQ(rep->set, 0);
    }
}

TEST(vmcall_needs_no_privilege_and_is_not_answered)
{
    world_gpr[GPR_RAX] = HYPERCALL_REPORT_READ;
    CHECK(!world_routed(ORIGIN_L1, EXIT_VMCALL));
    CHECK(!world_routed(ORIGIN_L2, EXIT_IO));
}

TEST(init_needs_nothing)
{
    CHECK_EQ(world_init(0, 0)->verdict, VERDICT_RETURN);
}

static enum status kernel_says;
static enum status answer_op(const struct reply *rep, const struct op *op)
{
    (void)rep;
    return op->code == OP_INJECT ? kernel_says : STATUS_OK;
}

// RAX.
static uint64_t inject(uint64_t partition, uint64_t kind, uint64_t number, uint64_t instruction)
{
    world_check_op = answer_op;
    world_gpr[GPR_RAX] = HYPERCALL_REPORT_INJECT;
    world_gpr[GPR_RBX] = partition, world_gpr[GPR_RCX] = kind, world_gpr[GPR_RSI] = number, world_gpr[GPR_RDI] = instruction;
    by_port();
    return world_gpr[GPR_RAX];
}

TEST(a_fault_is_asked_for)
{
    static const enum status says[] = { STATUS_OK, STATUS_BUSY, STATUS_UNSUPPORTED };
    for (unsigned i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        kernel_says = says[i];
        CHECK_EQ(inject(3, INJECT_HANG, 1000, 77), says[i]);
    }
    CHECK_EQ(world_count(OP_INJECT), 1);  // what the kernel refuses is not done
    const struct op *op = world_last(OP_INJECT);
    CHECK(op->object == 3 && op->a == INJECT_HANG && op->b == 1000 && op->c == 77);
}

TEST(what_no_operation_can_say_is_refused)
{
    static const uint64_t bad[][4] = { { PARTITION_MAX, INJECT_UD, 1, 0 }, { 1ull << 32, INJECT_UD, 1, 0 }, { ~0ull, INJECT_UD, 1, 0 }, { 0, INJECT_NONE, 1, 0 },
        { 0, INJECT_UD_TWICE, 1, 0 }, { 0, INJECT_PANIC, 1, 0 }, { 0, INJECT_KERNEL_PF, 1, 0 }, { 0, 1ull << 32 | INJECT_UD, 1, 0 }, { 0, INJECT_UD, 0, 0 },
        { 0, INJECT_UD, 1ull << 32, 0 }, { 0, INJECT_UD, 1, 1ull << 32 }, { 0, INJECT_UD, ~0ull, ~0ull } };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(inject(bad[i][0], bad[i][1], bad[i][2], bad[i][3]), STATUS_BAD_ARG);
    CHECK_EQ(world_count(OP_INJECT), 0);
}
