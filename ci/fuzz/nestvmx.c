// SPDX-License-Identifier: BSD-2-Clause
// L1s that execute VMX instructions on several CPUs, in any mode and with any operands, on VMCS12s with all that they are offered, on memory that changes
// meanwhile; L2s that exit for any reason, or that the CPU doesn't enter; messages that are cut short, and begun again or given up: nestvmx answers every message
// with what the kernel accepts, after a bounded number of steps, never faults, and puts nothing anywhere that it wasn't told.
#include "l1.h"

#include <caps/exit_reason.h>

#include "holders.h"
#include "meanwhile.h"
#include "offers.h"

static const enum exit_reason instructions[] = { EXIT_VMXON, EXIT_VMXOFF, EXIT_VMCLEAR, EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMWRITE, EXIT_VMLAUNCH,
    EXIT_VMRESUME, EXIT_INVEPT, EXIT_INVVPID, EXIT_VMCALL, EXIT_RDMSR, EXIT_WRMSR };
#define INSTRUCTIONS (sizeof(instructions) / sizeof(instructions[0]))

// Of a message that is cut short twice: MSR lists of 512 entries, each read, fetched and loaded, and bitmaps that change are most of it.
#define STEPS_MAX 20000u

#define CPUS 3u
static struct processor {
    uint64_t l1[VMCS_FIELD_COUNT], shadow[VMCS_FIELD_COUNT], gpr[GPR_COUNT];
    uint32_t vmcs02;
    bool in_l2;
} processors[CPUS];
static bool in_l2;
static uint64_t *const l1_fields = world_vmcs[VMCS_HANDLE_01];

// Each CPU has its own registers, VMCS01 and shadow VMCS.
static void use_cpu(uint32_t number)
{
    struct processor *to = &processors[number], *from = &processors[world_cpu];
    memcpy(from->l1, l1_fields, sizeof(from->l1));
    memcpy(from->shadow, world_vmcs[VMCS_HANDLE_SHADOW], sizeof(from->shadow));
    memcpy(from->gpr, world_gpr, sizeof(from->gpr));
    from->vmcs02 = world_vmcs02;
    from->in_l2 = in_l2;
    world_cpu = number;
    memcpy(l1_fields, to->l1, sizeof(to->l1));
    memcpy(world_vmcs[VMCS_HANDLE_SHADOW], to->shadow, sizeof(to->shadow));
    memcpy(world_gpr, to->gpr, sizeof(to->gpr));
    world_vmcs02 = to->vmcs02;
    in_l2 = to->in_l2;
}

// Where L1's software, or L2's, may have put anything.
static uint64_t word(struct input *input)
{
    uint64_t how = take(input, 1);
    switch (how % 6) {
    case 0: return take(input, 8);
    case 1: return take(input, 2);
    case 2: return offers_pages[how / 6 % OFFERS_PAGES] | (how >> 7 ? take(input, 1) : 0);
    case 3: return vmcs_field_info[take(input, 1) % VMCS_FIELD_COUNT].encoding;
    case 4: return 1ull << take_below(input, 64);
    default: return how / 6 % 2 ? ~0ull : 0;
    }
}

// An MSR that is nestvmx', more often than not.
static void choose_msr(struct input *input)
{
    const uint64_t how = take(input, 1);
    world_gpr[GPR_RCX] = how % 4 == 0 ? word(input) : how % 4 == 1 ? 0x3a : 0x480 + how / 4 % 20;
    if (how & 0x80) {
        world_gpr[GPR_RAX] = how / 4 % 8;
        world_gpr[GPR_RDX] = 0;
    }
}

// What didn't travel with a message, and what a reply doesn't say, is full of WORLD_POISON.
static void check_poison(const uint64_t *value, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        CHECK(value[i] != WORLD_POISON && value[i] != (uint32_t)WORLD_POISON);
}

static void answered(const struct reply *rep)
{
    meanwhile_end();
    world_cut = world_cut_again = 0;
    if (rep->verdict == VERDICT_L2) {
        CHECK(holders_may_enter(rep->vmcs02));
        world_vmcs02 = rep->vmcs02;
        in_l2 = true;
    } else if (rep->verdict == VERDICT_L1) {
        in_l2 = false;
    }
    check_poison(l1_fields, VMCS_FIELD_COUNT);
    check_poison(world_vmcs[VMCS_HANDLE_SHADOW], VMCS_FIELD_COUNT);
    check_poison(world_vmcs[VMCS_HANDLE_02 + world_vmcs02], VMCS_FIELD_COUNT);
    check_poison(world_gpr, GPR_COUNT);
    l1_fields[VMCS_ENTRY_INTR_INFO] = 0;  // delivered
    l1_fields[VMCS_GUEST_ACTIVITY_STATE] = 0;  // a VMX abort's shutdown
    if (in_l2)
        world_vmcs[VMCS_HANDLE_02 + world_vmcs02][VMCS_ENTRY_INTR_INFO] = 0;
}

static void exits(enum msg_origin origin, enum exit_reason reason, const uint64_t *args)
{
    meanwhile_begin(STEPS_MAX);
    answered(world_exit(origin, reason, args));
}

static void operand_in_memory(uint64_t low, uint64_t high)
{
    const uint64_t operand[2] = { low, high };
    memcpy(world_at(OPERAND), operand, sizeof(operand));
    l1_fields[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | 1u << 27 | (unsigned)GPR_RDI << 28;
    l1_fields[VMCS_EXIT_QUALIFICATION] = OPERAND;
}

static void instruction(struct input *input)
{
    const enum exit_reason reason = instructions[take_below(input, INSTRUCTIONS)];
    l1_fields[VMCS_GUEST_RIP] = L1_RIP;
    l1_fields[VMCS_EXIT_INSTRUCTION_LENGTH] = L1_LENGTH;
    const uint64_t how = take(input, 1);
    if (reason == EXIT_RDMSR || reason == EXIT_WRMSR)
        choose_msr(input);
    if (how % 4) {  // an operand in memory, that is there
        const uint64_t low = how & 0x80 ? offers_pages[how >> 2 & 3] : word(input);
        operand_in_memory(low, word(input));
        if (reason == EXIT_VMREAD || reason == EXIT_VMWRITE)
            world_gpr[GPR_RDI] = word(input);
    } else {
        l1_fields[VMCS_EXIT_INSTRUCTION_INFO] = take(input, 4);
        l1_fields[VMCS_EXIT_QUALIFICATION] = word(input);
    }
    if (world_routed(ORIGIN_L1, reason))
        exits(ORIGIN_L1, reason, NULL);
}

// What another partition has found in an exit: an exit that EPT12 is to blame for, or an exception.
static const uint64_t *found(struct input *input, enum exit_reason reason, uint64_t args[MSG_ARGS])
{
    static const enum exit_reason cause[] = { EXIT_EPT_VIOLATION, EXIT_EPT_VIOLATION, EXIT_EPT_MISCONFIG, EXIT_PML_FULL };
    const uint64_t how = take(input, 1);
    const bool violation = reason == EXIT_EPT_VIOLATION || reason == EXIT_EPT_MISCONFIG;
    if (!violation && how % 8 != 0)
        return NULL;
    args[2] = word(input);
    args[3] = how & 16 ? word(input) : 0x200000 + take(input, 1) % 16 * PAGE_BYTES;  // see offers.c
    args[1] = how & 8 ? word(input) : 0x180 | (take(input, 1) & 7) | (how & 16 ? 0 : (args[3] >> 12 & 7) << 3);
    args[0] = violation && how % 8 != 0 ? cause[how >> 5 & 3] : how & 128 ? 0x80000b0e : 0x80000b0d;
    args[4] = how >> 5 & 1;
    return args;
}

static void exit_of_l2(struct input *input)
{
    enum exit_reason reason = (enum exit_reason)take_below(input, EXIT_REASON_COUNT);
    uint64_t *l2_fields = world_vmcs[VMCS_HANDLE_02 + world_vmcs02], args[MSG_ARGS] = { 0 };
    if (exit_reason_name(reason) == NULL || !world_routed(ORIGIN_L2, reason))
        return;
    l2_fields[VMCS_EXIT_QUALIFICATION] = word(input);
    const uint64_t event = take(input, 1);
    l2_fields[VMCS_EXIT_INTR_INFO] = event % 4 == 0 ? 0 : event % 4 == 1 ? 0x80000202 : 0x80000000 | (take(input, 2) & 0xfff);
    l2_fields[VMCS_IDT_VECTORING_INFO] = take(input, 1) % 4 ? 0 : 0x80000000 | (take(input, 2) & 0xfff);
    l2_fields[VMCS_EXIT_INSTRUCTION_LENGTH] = 1 + take_below(input, 15);
    if (reason == EXIT_VMREAD || reason == EXIT_VMWRITE) {
        l2_fields[VMCS_EXIT_INSTRUCTION_INFO] = take(input, 4);
        world_gpr[GPR_RDI] = word(input);
    }
    if (reason == EXIT_RDMSR || reason == EXIT_WRMSR)
        choose_msr(input);
    if (reason == EXIT_VMFUNC) {
        world_gpr[GPR_RAX] = event / 128;
        world_gpr[GPR_RCX] = event / 4 % 4;
    }
    if (reason == EXIT_ENTRY_GUEST_STATE || reason == EXIT_ENTRY_MSR_LOAD || reason == EXIT_ENTRY_MACHINE_CHECK)
        reason |= EXIT_REASON_FAILED;  // the CPU's only way to tell of it
    exits(ORIGIN_L2, reason, found(input, reason, args));
}

// The CPU says VMfail to the entry that nestvmx asked for, or the message has failed twice.
static void gone_wrong(struct input *input)
{
    const uint64_t how = take(input, 1), args[MSG_ARGS] = { how & 2 ? 7 : 8, 0 };
    meanwhile_begin(STEPS_MAX);
    if (in_l2)
        answered(world_message(how & 1 ? MSG_ENTRY_FAILED : MSG_KILL, how & 1 ? ORIGIN_L1 : ORIGIN_L2, args));
    else if (world_routed(ORIGIN_L1, instructions[how % INSTRUCTIONS])) {
        l1_fields[VMCS_EXIT_REASON] = instructions[how % INSTRUCTIONS];
        answered(world_message(MSG_KILL, ORIGIN_L1, NULL));
    }
    meanwhile_end();
}

// A register that decides how operands are found; L1's or L2's.
static void set_register(struct input *input)
{
    static const enum vmcs_field fields[] = { VMCS_GUEST_RSP, VMCS_GUEST_CR0, VMCS_GUEST_CR3, VMCS_GUEST_CR4, VMCS_GUEST_EFER, VMCS_GUEST_RFLAGS,
        VMCS_GUEST_CS_ACCESS_RIGHTS, VMCS_GUEST_SS_ACCESS_RIGHTS, VMCS_GUEST_DS_ACCESS_RIGHTS, VMCS_GUEST_DS_LIMIT, VMCS_GUEST_DS_BASE, VMCS_GUEST_FS_BASE,
        VMCS_GUEST_PDPTE0, VMCS_GUEST_INTERRUPTIBILITY, VMCS_GUEST_ES_SELECTOR };
    static const uint64_t values[] = { 0, 2, 0x20000, 0x2020, 0x2000, 0x33, 0x80000033, 0xd01, 0xa09b, 0xc09b, 0xc093, 0xc0f3, 0xc097, 0x10000, 0xffffffff,
        0xfff };
    const enum vmcs_field field = fields[take_below(input, sizeof(fields) / sizeof(fields[0]))];
    const uint64_t how = take(input, 1);
    uint64_t *of = in_l2 ? world_vmcs[VMCS_HANDLE_02 + world_vmcs02] : l1_fields;
    of[field] = how & 0x80 ? word(input) : values[how % (sizeof(values) / sizeof(values[0]))];
    if (how & 0x40)
        l1_state();
}

// What L1 writes into its shadow VMCS, without an exit: an event, most of the time.
static void write_shadow(struct input *input)
{
    static const enum vmcs_field fields[] = { VMCS_ENTRY_INTR_INFO, VMCS_ENTRY_INTR_INFO, VMCS_ENTRY_EXCEPTION_ERROR, VMCS_ENTRY_INSTRUCTION_LENGTH,
        VMCS_GUEST_INTERRUPTIBILITY, VMCS_GUEST_RIP, VMCS_GUEST_RSP, VMCS_GUEST_RFLAGS };
    static const uint64_t values[] = { 0x80000202, 0x80000b0d, 0x80000b0e, 0x80000306, 0x80000020, 0x80000603, 0x80000700, 0, 1, 2, 8, 16 };
    const enum vmcs_field field = fields[take_below(input, sizeof(fields) / sizeof(fields[0]))];
    const uint64_t how = take(input, 1), value = how & 0x80 ? word(input) : values[how % (sizeof(values) / sizeof(values[0]))];
    world_vmcs[VMCS_HANDLE_SHADOW][field] = value & width_mask(encoding_width(vmcs_field_info[field].encoding));
}

// One VMCS12 after the other: more than there are places for copies.
static bool many_loaded;
static void load_many(void)
{
    l1_state();
    for (unsigned i = 0; i < VMCS02_MAX && !many_loaded && !in_l2; i++) {
        l1_set_region(0x800000 + i * PAGE_BYTES, REVISION);
        operand_in_memory(0x800000 + i * PAGE_BYTES, 0);
        exits(ORIGIN_L1, EXIT_VMPTRLD, NULL);
    }
    many_loaded = true;
}

static void change(struct input *input, uint64_t what)
{
    const uint64_t page = offers_pages[take_below(input, OFFERS_PAGES)];
    switch (what % 8) {
    case 0: world_gpr[take_below(input, GPR_COUNT)] = word(input); break;
    case 1: case 2: {
        uint64_t value = word(input);
        memcpy(world_at(page + 8 * (what & 8 ? take_below(input, 256) : take_below(input, 8))), &value, 8);
        break;
    }
    case 3:
        if (what & 8)
            set_register(input);
        else if (what & 16)
            write_shadow(input);
        else
            load_many();
        break;
    case 4: world_mapped[page / PAGE_BYTES] = what >> 4 != 0; break;
    case 5:
        if (what & 8)
            use_cpu((uint32_t)take_below(input, CPUS));
        else
            write_shadow(input);
        break;
    case 6: meanwhile_arm(input, offers_pages, OFFERS_PAGES); break;
    default:
        world_cut = (uint32_t)take_below(input, 64);
        world_cut_again = what & 64 ? (uint32_t)take_below(input, 64) : 0;
        world_cut_kills = what & 128;
    }
}

// Another CPU is in VMX operation, and has a VMCS12 of its own.
static void start_another(void)
{
    use_cpu(1);
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
    l1_load_new(offers_pages[3]);
    use_cpu(0);
}

// As after boot: no CPU of L1's in VMX operation. Then one is, with a VMCS12 that can be launched, and uses what it is offered; every second input starts in its
// L2.
static void start(struct input *input)
{
    holders_init();
    world_cut = world_cut_again = 0;
    many_loaded = false;
    meanwhile_end();
    for (uint32_t cpu = CPUS; cpu-- > 0;) {
        use_cpu(cpu);
        if (in_l2)
            answered(world_exit(ORIGIN_L2, EXIT_TRIPLE_FAULT, NULL));
        CHECK(!in_l2);
        memset(l1_fields, 0, sizeof(world_vmcs[0]));
        l1_state();
        if (world_routed(ORIGIN_L1, EXIT_VMXOFF))
            answered(world_exit(ORIGIN_L1, EXIT_VMXOFF, NULL));
    }
    holders_forget();
    const uint64_t how = take(input, 1);
    l1_start_again(offers_pages, OFFERS_PAGES);
    if (how & 4)
        start_another();
    offers_make(how & 2 ? (uint32_t)take(input, 3) : 0);
    if (how & 1) {
        in_l2 = l1_execute(EXIT_VMLAUNCH) == ENTERED_L2;
        CHECK(in_l2 || (how & 2));
        CHECK(!in_l2 || holders_may_enter(world_vmcs02));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = { data, bytes };
    if (memmem(data, bytes, "\xa5\xa5", 2) != NULL)
        return 0;  // L1 itself could put WORLD_POISON anywhere, for other inputs to find
    start(&input);
    for (unsigned steps = 0; input.left > 0 && steps < 200; steps++) {
        const uint64_t what = take(&input, 1);
        if (what % 4 == 3)
            change(&input, what / 4);
        else if (what % 64 == 2)
            gone_wrong(&input);
        else if (in_l2)
            exit_of_l2(&input);
        else
            instruction(&input);
    }
    for (unsigned i = 0; i < OFFERS_PAGES; i++)
        check_poison(world_at(offers_pages[i]), PAGE_BYTES / 8);
    return 0;
}
