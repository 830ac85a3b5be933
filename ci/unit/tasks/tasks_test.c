// SPDX-License-Identifier: BSD-2-Clause
// tasks: what a switch leaves in registers and memory, and each fault of SDM 3A Table 8-1 "Exception Conditions Checked During a Task Switch".

#include <string.h>

#include <rt/reply.h>

#include "harness.h"
#include "segment.h"
#include "tss.h"

// L1: 32-bit code without paging, its tables at fixed places.
#define GDT   0x1000u
#define LDT   0x1800u
#define OLD   0x2000u
#define NEW   0x3000u
#define STACK 0x5000u
enum { CODE = 0x08, DATA = 0x10, TSS_OLD = 0x18, TSS_NEW = 0x20, TSS_16 = 0x28, LDT_SELECTOR = 0x30, CODE3 = 0x38, DATA3 = 0x40, ABSENT = 0x48, EMPTY = 0x50,
       READ_ONLY = 0x58, CONFORMING = 0x60, SHORT = 0x68, GDT_LIMIT = 0x6f };
enum { CALL, IRET, JMP, GATE };

#define DESCRIPTOR(base, limit, rights) (((limit) & 0xffffull) | (uint64_t)((base) & 0xffffff) << 16 | (uint64_t)(rights) << 40 | \
                                         (uint64_t)((limit) & 0xf0000) << 32 | (uint64_t)((base) & 0xff000000) << 32)
#define FLAT_CODE DESCRIPTOR(0, 0xfffff, 0xc09a)
#define FLAT_DATA DESCRIPTOR(0, 0xfffff, 0xc092)

static uint64_t *const vmcs = world_vmcs[VMCS_HANDLE_01];

static uint64_t *descriptor(unsigned selector) { return world_at(GDT + (selector & ~7u)); }
static struct tss32 *tss32(uint32_t base) { return world_at(base); }
static uint8_t access(unsigned selector) { return (uint8_t)(*descriptor(selector) >> 40); }

static void old_register(enum segment segment, uint16_t selector, uint32_t base, uint32_t limit, uint32_t rights)
{
    const struct segment_fields *fields = &segment_fields[segment];
    vmcs[fields->selector] = selector;
    vmcs[fields->base] = base;
    vmcs[fields->limit] = limit;
    vmcs[fields->rights] = rights;
}

// Old task: EIP 0x100 in CODE; the new one: 0x200, its registers 0x10 and up.
static void two_tasks(void)
{
    *descriptor(CODE) = FLAT_CODE;
    *descriptor(DATA) = FLAT_DATA;
    *descriptor(TSS_OLD) = DESCRIPTOR(OLD, 0x67, 0x8b);
    *descriptor(TSS_NEW) = DESCRIPTOR(NEW, 0x67, 0x89);
    *descriptor(TSS_16) = DESCRIPTOR(NEW, 0x2b, 0x81);
    *descriptor(LDT_SELECTOR) = DESCRIPTOR(LDT, 0x0f, 0x82);
    *descriptor(CODE3) = DESCRIPTOR(0, 0xfffff, 0xc0fa);
    *descriptor(DATA3) = DESCRIPTOR(0, 0xfffff, 0xc0f2);
    *descriptor(ABSENT) = DESCRIPTOR(0, 0xfffff, 0xc012);
    *descriptor(READ_ONLY) = DESCRIPTOR(0, 0xfffff, 0xc090);
    *descriptor(CONFORMING) = DESCRIPTOR(0, 0xfffff, 0xc09e);
    *descriptor(SHORT) = DESCRIPTOR(0, 0x1ff, 0x409a);
    for (enum segment i = SEGMENT_ES; i <= SEGMENT_GS; i++)
        old_register(i, DATA, 0, 0xffffffff, 0xc093);
    old_register(SEGMENT_CS, CODE, 0, 0xffffffff, 0xc09b);
    old_register(SEGMENT_LDTR, 0, 0, 0, RIGHTS_UNUSABLE);
    old_register(SEGMENT_TR, TSS_OLD, OLD, 0x67, 0x8b);
    vmcs[VMCS_GUEST_GDTR_BASE] = GDT;
    vmcs[VMCS_GUEST_GDTR_LIMIT] = GDT_LIMIT;
    vmcs[VMCS_GUEST_CR0] = 0x21;
    vmcs[VMCS_GUEST_RFLAGS] = 0x4002;  // NT
    vmcs[VMCS_GUEST_RIP] = 0x100;
    vmcs[VMCS_GUEST_RSP] = 0x4000;
    vmcs[VMCS_GUEST_DR7] = 0x7ff;
    vmcs[VMCS_GUEST_INTERRUPTIBILITY] = 2;
    vmcs[VMCS_EXIT_INSTRUCTION_LENGTH] = 7;
    for (unsigned i = 0; i < 8; i++)
        if (i != GPR_RSP)
            world_gpr[i] = 0xabc0 + i;
    *tss32(NEW) = (struct tss32){ .cr3 = 0x9000, .eip = 0x200, .eflags = 0x202, .segment = { DATA, CODE, DATA, DATA, 0, DATA } };
    for (unsigned i = 0; i < 8; i++)
        tss32(NEW)->gpr[i] = 0x10 + i;
    tss32(NEW)->gpr[GPR_RSP] = STACK;
    memset(tss32(OLD), 0xee, sizeof(struct tss32));
}

static void go(unsigned source, uint16_t selector)
{
    vmcs[VMCS_EXIT_QUALIFICATION] = source << 30 | selector;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_TASK_SWITCH, NULL)->verdict, VERDICT_RESUME);
}

static void event(uint32_t information, uint32_t error)
{
    vmcs[VMCS_IDT_VECTORING_INFO] = EVENT_VALID | information;
    vmcs[VMCS_IDT_VECTORING_ERROR] = error;
}

static void no_event_follows(void) { CHECK_EQ(vmcs[VMCS_ENTRY_INTR_INFO], 0); }

static void follows(enum vector vector, uint32_t error)
{
    CHECK_EQ(vmcs[VMCS_ENTRY_INTR_INFO], EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | (uint32_t)vector);
    CHECK_EQ(vmcs[VMCS_ENTRY_EXCEPTION_ERROR], error);
    CHECK(vmcs[VMCS_GUEST_RFLAGS] & 1 << 16);
}

static void old_goes_on(void)
{
    CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x100);
    CHECK_EQ(vmcs[VMCS_GUEST_TR_SELECTOR], TSS_OLD);
    CHECK_EQ(vmcs[VMCS_GUEST_CR0], 0x21);
    CHECK_EQ(world_gpr[GPR_RCX], 0xabc0 + GPR_RCX);
    CHECK_EQ(world_count(OP_L1_FLUSH), 0);
}

static void new_runs(void)
{
    CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x200);
    CHECK_EQ(vmcs[VMCS_GUEST_RSP], STACK);
    CHECK_EQ(vmcs[VMCS_GUEST_TR_SELECTOR], TSS_NEW);
    CHECK_EQ(vmcs[VMCS_GUEST_TR_BASE], NEW);
    CHECK_EQ(vmcs[VMCS_GUEST_TR_ACCESS_RIGHTS], 0x8b);
    CHECK_EQ(vmcs[VMCS_GUEST_CR0], 0x29);
    CHECK_EQ(access(TSS_NEW), 0x8b);
    for (unsigned i = 0; i < 8; i++)
        if (i != GPR_RSP)
            CHECK_EQ(world_gpr[i], 0x10 + i);
}

TEST(jmp_leaves_the_old_task_free_and_saved)
{
    two_tasks();
    go(JMP, TSS_NEW);
    no_event_follows();
    new_runs();
    CHECK_EQ(vmcs[VMCS_GUEST_RFLAGS], 0x202);
    CHECK_EQ(vmcs[VMCS_GUEST_DR7], 0x6aa);
    CHECK_EQ(vmcs[VMCS_GUEST_INTERRUPTIBILITY], 0);
    CHECK_EQ(vmcs[VMCS_GUEST_ES_SELECTOR], DATA);
    CHECK_EQ(vmcs[VMCS_GUEST_ES_ACCESS_RIGHTS], 0xc093);
    CHECK_EQ(vmcs[VMCS_GUEST_ES_LIMIT], 0xffffffff);
    CHECK_EQ(vmcs[VMCS_GUEST_FS_ACCESS_RIGHTS], RIGHTS_UNUSABLE);
    CHECK_EQ(access(TSS_OLD), 0x89);
    CHECK_EQ(access(DATA), 0x93);
    const struct tss32 *old = tss32(OLD);
    CHECK_EQ(old->eip, 0x107);
    CHECK_EQ(old->eflags, 0x4002);
    CHECK_EQ(old->gpr[GPR_RSP], 0x4000);
    CHECK_EQ(old->gpr[GPR_RDI], 0xabc0 + GPR_RDI);
    CHECK_EQ(old->segment[SEGMENT_CS], CODE);
    CHECK_EQ(old->segment[SEGMENT_GS], DATA);
    CHECK_EQ(old->cr3, 0xeeeeeeee);
    CHECK_EQ(old->ldtr, 0xeeeeeeee);
    CHECK_EQ(tss32(NEW)->link, 0);
    CHECK_EQ(world_count(OP_L1_FLUSH), 0);  // no paging, no CR3
    CHECK_EQ(vmcs[VMCS_GUEST_CR3], 0);
}

TEST(call_nests_and_iret_comes_back)
{
    two_tasks();
    go(CALL, TSS_NEW);
    no_event_follows();
    new_runs();
    CHECK_EQ(vmcs[VMCS_GUEST_RFLAGS], 0x4202);
    CHECK_EQ(access(TSS_OLD), 0x8b);
    CHECK_EQ(tss32(NEW)->link, TSS_OLD);

    *tss32(OLD) = (struct tss32){ .eip = 0x107, .eflags = 2, .gpr = { [GPR_RSP] = 0x4000 }, .segment = { DATA, CODE, DATA, DATA, DATA, DATA } };
    vmcs[VMCS_GUEST_INTERRUPTIBILITY] = 8;
    go(IRET, TSS_OLD);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x107);
    CHECK_EQ(vmcs[VMCS_GUEST_TR_SELECTOR], TSS_OLD);
    CHECK_EQ(vmcs[VMCS_GUEST_INTERRUPTIBILITY], 0);
    CHECK_EQ(access(TSS_OLD), 0x8b);
    CHECK_EQ(access(TSS_NEW), 0x89);
    CHECK_EQ(tss32(NEW)->eflags, 0x202);  // NT is gone
}

TEST(a_fault_through_a_gate_leaves_its_error_code)
{
    two_tasks();
    event(EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | VECTOR_GP, 0x1234);
    go(GATE, TSS_NEW);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_RSP], STACK - 4);
    CHECK_EQ(*(uint32_t *)world_at(STACK - 4), 0x1234);
    CHECK_EQ(tss32(OLD)->eip, 0x100);  // it didn't execute
    CHECK_EQ(tss32(NEW)->link, TSS_OLD);
}

TEST(software_interrupts_are_stepped_over_and_nmis_block)
{
    two_tasks();
    event(EVENT_TYPE_SOFT_INTR | 0x80, 0);
    go(GATE, TSS_NEW);
    CHECK_EQ(tss32(OLD)->eip, 0x107);
    CHECK_EQ(vmcs[VMCS_GUEST_INTERRUPTIBILITY], 0);

    two_tasks();
    event(EVENT_TYPE_NMI | VECTOR_NMI, 0);
    go(GATE, TSS_NEW);
    CHECK_EQ(tss32(OLD)->eip, 0x100);
    CHECK_EQ(vmcs[VMCS_GUEST_INTERRUPTIBILITY], 8);
}

TEST(a_16_bit_task)
{
    two_tasks();
    struct tss16 *new = world_at(NEW);
    *new = (struct tss16){ .ip = 0x200, .flags = 0x46, .gpr = { 1, 2, 3, 4, 0x5000, 6, 7, 8 }, .segment = { DATA, CODE, DATA, DATA } };
    go(JMP, TSS_16);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x200);
    CHECK_EQ(vmcs[VMCS_GUEST_RFLAGS], 0x46);
    CHECK_EQ(world_gpr[GPR_RCX], 0xffff0002);
    CHECK_EQ(vmcs[VMCS_GUEST_TR_ACCESS_RIGHTS], 0x83);
    CHECK_EQ(vmcs[VMCS_GUEST_GS_ACCESS_RIGHTS], RIGHTS_UNUSABLE);

    new->ip = 0;
    *tss32(OLD) = (struct tss32){ .eip = 0x300, .segment = { DATA, CODE, DATA, DATA } };
    vmcs[VMCS_GUEST_RIP] = 0x1fffe;
    go(JMP, TSS_OLD);
    CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x300);
    CHECK_EQ(new->ip, 5);
    CHECK_EQ(new->segment[SEGMENT_DS], DATA);
    CHECK_EQ(new->ldtr, 0);
}

TEST(virtual_8086_segments)
{
    two_tasks();
    tss32(NEW)->eflags = 0x20202;
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++)
        tss32(NEW)->segment[i] = 0x1230 + i;
    go(CALL, TSS_NEW);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_RFLAGS], 0x24202);
    CHECK_EQ(vmcs[VMCS_GUEST_CS_BASE], 0x12310);
    CHECK_EQ(vmcs[VMCS_GUEST_SS_ACCESS_RIGHTS], 0xf3);
    CHECK_EQ(vmcs[VMCS_GUEST_DS_LIMIT], 0xffff);
}

// 32-bit paging: one 4 MiB page.
static void paged(uint32_t directory)
{
    vmcs[VMCS_GUEST_CR0] = 0x80000021;
    vmcs[VMCS_GUEST_CR3] = directory;
    vmcs[VMCS_GUEST_CR4] = 0x10;
    *(uint32_t *)world_at(directory) = 0x87;
}

TEST(a_new_address_space_ends_the_translations_of_the_old_one)
{
    two_tasks();
    paged(0x8000);
    *(uint32_t *)world_at(0x9000) = 0x87;
    go(JMP, TSS_NEW);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_CR3], 0x9000);
    CHECK_EQ(world_count(OP_L1_FLUSH), 1);
}

TEST(descriptors_are_read_in_the_new_address_space)
{
    two_tasks();
    paged(0x8000);  // nothing is mapped at 0x9000
    go(JMP, TSS_NEW);
    follows(VECTOR_PF, 0);
    CHECK_EQ(world_gpr[GPR_CR2], GDT + CODE);
    CHECK_EQ(vmcs[VMCS_GUEST_CR3], 0x9000);
    CHECK_EQ(vmcs[VMCS_GUEST_TR_SELECTOR], TSS_NEW);
    CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x200);
}

TEST(pae_loads_its_registers)
{
    two_tasks();
    paged(0x8000);
    vmcs[VMCS_GUEST_CR4] = 0x20;
    vmcs[VMCS_GUEST_PDPTE0] = 0xa001;
    *(uint64_t *)world_at(0xa000) = 0x83;
    *(uint64_t *)world_at(0x9000) = 0xb001;
    *(uint64_t *)world_at(0xb000) = 0x83;
    go(JMP, TSS_NEW);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_PDPTE0], 0xb001);
    CHECK_EQ(vmcs[VMCS_GUEST_PDPTE3], 0);

    two_tasks();
    paged(0x8000);
    vmcs[VMCS_GUEST_CR4] = 0x20;
    vmcs[VMCS_GUEST_PDPTE0] = 0xa001;
    *(uint64_t *)world_at(0x9018) = 0xb003;  // bit 1 is reserved
    go(JMP, TSS_NEW);
    follows(VECTOR_GP, 0);
    CHECK_EQ(vmcs[VMCS_GUEST_PDPTE0], 0xa001);
    CHECK_EQ(vmcs[VMCS_GUEST_CR3], 0x8000);
}

// The old task's faults.
struct refusal { unsigned source; uint16_t selector; enum vector vector; uint32_t error; };

TEST(descriptors_that_no_switch_leads_to)
{
    static const struct refusal refusal[] = {
        { JMP, DATA, VECTOR_GP, DATA },          { CALL, TSS_OLD, VECTOR_GP, TSS_OLD },  { IRET, TSS_NEW, VECTOR_TS, TSS_NEW },
        { JMP, 0x74, VECTOR_GP, 0x74 },          { JMP, 0x70, VECTOR_GP, 0x70 },         { IRET, 0x74, VECTOR_TS, 0x74 },
        { IRET, 0xfff8, VECTOR_TS, 0xfff8 },     { GATE, EMPTY, VECTOR_GP, EMPTY | 1 },
    };
    for (unsigned i = 0; i < sizeof(refusal) / sizeof(refusal[0]); i++) {
        two_tasks();
        vmcs[VMCS_IDT_VECTORING_INFO] = 0;
        if (refusal[i].source == GATE)
            event(EVENT_TYPE_EXTERNAL | 0x20, 0);
        go(refusal[i].source, refusal[i].selector);
        follows(refusal[i].vector, refusal[i].error);
        old_goes_on();
        CHECK_EQ(access(TSS_OLD), 0x8b);
        CHECK_EQ(tss32(OLD)->eip, 0xeeeeeeee);
    }
}

TEST(task_state_segments_that_are_absent_or_short)
{
    two_tasks();
    *descriptor(TSS_NEW) = DESCRIPTOR(NEW, 0x67, 0x09);
    go(JMP, TSS_NEW);
    follows(VECTOR_NP, TSS_NEW);
    old_goes_on();
    two_tasks();
    *descriptor(TSS_NEW) = DESCRIPTOR(NEW, 0x66, 0x89);
    go(CALL, TSS_NEW);
    follows(VECTOR_TS, TSS_NEW);
    old_goes_on();
    two_tasks();
    vmcs[VMCS_GUEST_TR_LIMIT] = 0x5e;
    go(CALL, TSS_NEW);
    follows(VECTOR_TS, TSS_OLD);
    old_goes_on();
}

TEST(pages_that_are_not_there)
{
    two_tasks();
    paged(0x8000);
    *descriptor(TSS_NEW) = DESCRIPTOR(0x400ff0, 0x67, 0x89);
    go(CALL, TSS_NEW);
    follows(VECTOR_PF, 0);
    CHECK_EQ(world_gpr[GPR_CR2], 0x400ff0);
    CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x100);
    CHECK_EQ(access(TSS_NEW), 0x89);

    two_tasks();
    vmcs[VMCS_GUEST_CR0] = 0x21;
    world_unmap(NEW, PAGE_BYTES);
    go(CALL, TSS_NEW);
    follows(VECTOR_GP, 0);
    old_goes_on();
}

TEST(a_fault_while_an_exception_is_delivered)
{
    two_tasks();
    event(EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | VECTOR_GP, 0);
    go(GATE, EMPTY);
    follows(VECTOR_DF, 0);
    old_goes_on();
    two_tasks();
    event(EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | VECTOR_DF, 0);
    vmcs[VMCS_ENTRY_INTR_INFO] = 0;
    go(GATE, EMPTY);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_ACTIVITY_STATE], 2);
}

// The new task's faults.
struct bad_state { enum segment segment; uint16_t selector; enum vector vector; };

TEST(selectors_that_cannot_be_loaded)
{
    static const struct bad_state bad[] = {
        { SEGMENT_CS, 0, VECTOR_TS },           { SEGMENT_CS, DATA, VECTOR_TS },        { SEGMENT_CS, CODE | 3, VECTOR_TS },
        { SEGMENT_CS, CODE3, VECTOR_TS },       { SEGMENT_CS, 0xff8, VECTOR_TS },       { SEGMENT_CS, TSS_OLD, VECTOR_TS },
        { SEGMENT_SS, 0, VECTOR_TS },           { SEGMENT_SS, CODE, VECTOR_TS },        { SEGMENT_SS, READ_ONLY, VECTOR_TS },
        { SEGMENT_SS, DATA | 3, VECTOR_TS },    { SEGMENT_SS, DATA3, VECTOR_TS },       { SEGMENT_SS, ABSENT, VECTOR_SS },
        { SEGMENT_SS, 4, VECTOR_TS },           { SEGMENT_DS, ABSENT, VECTOR_NP },      { SEGMENT_ES, DATA | 3, VECTOR_TS },
        { SEGMENT_FS, EMPTY, VECTOR_TS },       { SEGMENT_GS, TSS_NEW, VECTOR_TS },     { SEGMENT_DS, GDT_LIMIT + 1, VECTOR_TS },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        two_tasks();
        tss32(NEW)->segment[bad[i].segment] = bad[i].selector;
        go(CALL, TSS_NEW);
        follows(bad[i].vector, bad[i].selector & ~3u);
        CHECK_EQ(vmcs[VMCS_GUEST_RIP], 0x200);
        CHECK_EQ(vmcs[VMCS_GUEST_TR_SELECTOR], TSS_NEW);
        CHECK_EQ(vmcs[segment_fields[bad[i].segment].selector], bad[i].selector);
    }
}

TEST(selectors_that_can)
{
    two_tasks();
    *descriptor(CONFORMING) |= 3ull << 45;
    tss32(NEW)->segment[SEGMENT_CS] = CODE3 | 3;
    tss32(NEW)->segment[SEGMENT_SS] = DATA3 | 3;
    tss32(NEW)->segment[SEGMENT_DS] = CONFORMING | 3;
    tss32(NEW)->segment[SEGMENT_ES] = DATA3;
    tss32(NEW)->segment[SEGMENT_GS] = 3;
    tss32(NEW)->segment[SEGMENT_FS] = 8 | SELECTOR_LDT | 3;
    tss32(NEW)->ldtr = LDT_SELECTOR;
    *(uint64_t *)world_at(LDT + 8) = DESCRIPTOR(0x12345678, 0x10, 0xf2);
    go(CALL, TSS_NEW);
    no_event_follows();
    CHECK_EQ(vmcs[VMCS_GUEST_FS_BASE], 0x12345678);
    CHECK_EQ(vmcs[VMCS_GUEST_FS_LIMIT], 0x10);
    CHECK_EQ(vmcs[VMCS_GUEST_LDTR_BASE], LDT);
    CHECK_EQ(vmcs[VMCS_GUEST_LDTR_ACCESS_RIGHTS], 0x82);
    CHECK_EQ(vmcs[VMCS_GUEST_SS_ACCESS_RIGHTS], 0xc0f3);
}

TEST(local_tables_that_are_none)
{
    static const uint16_t bad[] = { DATA, LDT_SELECTOR | SELECTOR_LDT, TSS_OLD, 0xff8 };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        two_tasks();
        tss32(NEW)->ldtr = bad[i];
        go(CALL, TSS_NEW);
        follows(VECTOR_TS, bad[i]);
        CHECK_EQ(vmcs[VMCS_GUEST_LDTR_ACCESS_RIGHTS], RIGHTS_UNUSABLE);
    }
}

TEST(a_task_begins_within_its_code)
{
    two_tasks();
    tss32(NEW)->segment[SEGMENT_CS] = SHORT;
    go(JMP, TSS_NEW);
    follows(VECTOR_GP, 0);
    two_tasks();
    tss32(NEW)->segment[SEGMENT_CS] = SHORT;
    tss32(NEW)->eip = 0x1ff;
    vmcs[VMCS_ENTRY_INTR_INFO] = 0;
    go(JMP, TSS_NEW);
    no_event_follows();
}

TEST(an_error_code_needs_a_stack)
{
    static const struct { uint64_t descriptor; uint32_t esp; bool fits; } stack[] = {
        { DESCRIPTOR(0, 0x5003, 0x4092), 0x5004, true },  { DESCRIPTOR(0, 0x5003, 0x4092), 0x5005, false }, { DESCRIPTOR(0, 0x5003, 0x4092), 2, false },
        { DESCRIPTOR(0, 0x4fff, 0x4096), 0x5004, true },  { DESCRIPTOR(0, 0x4fff, 0x4096), 0x5003, false }, { DESCRIPTOR(0, 0xffff, 0x0092), 0x15004, true },
    };
    for (unsigned i = 0; i < sizeof(stack) / sizeof(stack[0]); i++) {
        two_tasks();
        *descriptor(ABSENT) = stack[i].descriptor;
        tss32(NEW)->segment[SEGMENT_SS] = ABSENT;
        tss32(NEW)->gpr[GPR_RSP] = stack[i].esp;
        event(EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | VECTOR_NP, 0x77);
        vmcs[VMCS_ENTRY_INTR_INFO] = 0;
        go(GATE, TSS_NEW);
        if (!stack[i].fits) {
            follows(VECTOR_SS, 1);
            continue;
        }
        no_event_follows();
        CHECK_EQ(vmcs[VMCS_GUEST_RSP], stack[i].esp - 4);
        CHECK_EQ(*(uint32_t *)world_at(0x5000), 0x77);
    }
}

TEST(a_task_that_is_traced_traps)
{
    two_tasks();
    tss32(NEW)->trap = 1;
    go(JMP, TSS_NEW);
    CHECK_EQ(vmcs[VMCS_ENTRY_INTR_INFO], EVENT_VALID | EVENT_TYPE_EXCEPTION | VECTOR_DB);
    new_runs();
}
