// SPDX-License-Identifier: BSD-2-Clause
// VMCS12s of any contents, with any bitmaps and MSR lists: nestvmx enters, or fails the entry as the SDM has it; what L2 then runs with is what L1 wrote, and
// each exit finds L1's host state, that of an entry that the CPU itself fails, too; none takes more than a bounded number of steps.
#include "l1.h"

#include <caps/exit_reason.h>

#include "holders.h"
#include "meanwhile.h"

#define STEPS_MAX   8192u
#define IO_BITMAP_A 0x301000ull
#define IO_BITMAP_B 0x302000ull
#define LIST        0x303000ull  // of MSRs, for entries and exits alike
#define LIST_MAX    16u
#define HOST_RIP    0xffffffff81000000ull

static const uint64_t pages[] = { MSR_BITMAP, IO_BITMAP_A, IO_BITMAP_B, LIST, VMCS_PAGE, VMXON_PAGE, OPERAND, WORLD_BYTES - PAGE_BYTES };
#define PAGES (sizeof(pages) / sizeof(pages[0]))

static const uint32_t msrs[] = { 0x10, 0x174, 0x277, 0x1d9, 0xc0000080, 0xc0000081, 0xc0000084, 0xc0000100, 0xc0000102, 0xc0000103, 0x1b, 0x3a, 0x480, 0x8b, 0x6e0, 0x800 };
#define MSRS (sizeof(msrs) / sizeof(msrs[0]))

// Copied to L2 as they are.
static const enum vmcs_field plain[] = { VMCS_GUEST_RIP, VMCS_GUEST_RSP, VMCS_GUEST_RFLAGS, VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_CS_BASE, VMCS_GUEST_SS_LIMIT,
    VMCS_GUEST_FS_BASE, VMCS_GUEST_GS_BASE, VMCS_GUEST_TR_ACCESS_RIGHTS, VMCS_GUEST_GDTR_BASE, VMCS_GUEST_IDTR_LIMIT, VMCS_GUEST_SYSENTER_EIP };

static bool in_l2;

static uint64_t value(struct input *input, uint64_t before)
{
    uint64_t how = take(input, 1);
    switch (how % 6) {
    case 0: return before ^ 1ull << take_below(input, 64);
    case 1: return before ^ 1ull << take_below(input, 32) ^ 1ull << take_below(input, 32);
    case 2: return take(input, 8);
    case 3: return take(input, 2);
    case 4: return pages[how / 6 % PAGES] + (how >> 7 ? take(input, 2) : 0);
    default: return how / 6 % 2 ? ~0ull : 0;
    }
}

static void end_l2(void)
{
    if (in_l2 && world_exit(ORIGIN_L2, EXIT_TRIPLE_FAULT, NULL)->verdict == VERDICT_L2)
        CHECK(!"L2 goes on after a triple fault");
    in_l2 = false;
    world_vmcs[VMCS_HANDLE_01][VMCS_ENTRY_INTR_INFO] = 0;
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_ACTIVITY_STATE] = 0;
}

// As KVM's VMCS12, VMCLEARed and loaded anew.
static void start(void)
{
    holders_init();
    end_l2();
    holders_forget();
    l1_start_again(pages, PAGES);
    l1_set(VMCS_IO_BITMAP_A, IO_BITMAP_A);
    l1_set(VMCS_IO_BITMAP_B, IO_BITMAP_B);
    l1_set(VMCS_ENTRY_MSR_LOAD_ADDR, LIST);
    l1_set(VMCS_EXIT_MSR_LOAD_ADDR, LIST);
    l1_set(VMCS_EXIT_MSR_STORE_ADDR, LIST);
}

static void change(struct input *input)
{
    const enum vmcs_field field = (enum vmcs_field)(take(input, 1) % VMCS_FIELD_COUNT);
    uint64_t before = 0, what = take(input, 1);
    switch (what % 8) {
    case 0: {  // a qword of a bitmap
        uint64_t *qword = (uint64_t *)world_at(pages[what / 8 % 3]) + take_below(input, 4096) % 512;
        *qword = value(input, *qword);
        break;
    }
    case 1:  // a whole bitmap
        memset(world_at(pages[what / 8 % 3]), (int)take(input, 1), PAGE_BYTES);
        break;
    case 2: {  // an entry of the list
        struct { uint32_t index, reserved; uint64_t value; } *entry = world_at(LIST);
        entry += take_below(input, LIST_MAX);
        entry->index = what & 0x80 ? (uint32_t)take(input, 4) : msrs[take_below(input, MSRS)];
        entry->reserved = what & 0x40 ? (uint32_t)take(input, 1) : 0;
        entry->value = value(input, entry->value);
        static const enum vmcs_field counts[] = { VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_STORE_COUNT };
        const uint64_t count = take_below(input, LIST_MAX + 2);
        l1_set(counts[what / 8 % 3], count < LIST_MAX ? count : count == LIST_MAX ? 512 : 100000);  // as many as IA32_VMX_MISC says, and more
        break;
    }
    case 3:
        world_mapped[pages[take_below(input, PAGES)] / PAGE_BYTES] = what >> 6 != 0;
        break;
    default:
        if (l1_vmread(vmcs_field_info[field].encoding, &before) == SUCCEEDED)
            (void)l1_vmwrite(vmcs_field_info[field].encoding, value(input, before));
    }
}

static void check_bitmap(enum bitmap_kind kind, uint64_t page, bool used, uint64_t unused)
{
    const uint64_t *bitmap = world_bitmap[world_vmcs02][kind];
    const bool there = used && page < WORLD_BYTES && world_mapped[page / PAGE_BYTES];
    for (unsigned qword = 0; qword < 512; qword++) {
        uint64_t want = used ? ~0ull : unused;
        if (there)
            memcpy(&want, world_at(page + qword * 8), sizeof(want));
        CHECK_EQ(bitmap[qword], want);
    }
}

// What L2 runs with, by what L1 wrote.
static void entered(void)
{
    const uint64_t proc = l1_get(VMCS_PROC_CONTROLS);
    in_l2 = true;
    for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        CHECK_EQ(l2[plain[i]], l1_get(plain[i]));
    check_bitmap(BITMAP_MSR, l1_get(VMCS_MSR_BITMAP), proc & PROC_USE_MSR_BITMAPS, ~0ull);
    const uint64_t unconditional = proc & PROC_UNCONDITIONAL_IO_EXITING ? ~0ull : 0;
    check_bitmap(BITMAP_IO_A, l1_get(VMCS_IO_BITMAP_A), proc & PROC_USE_IO_BITMAPS, unconditional);
    check_bitmap(BITMAP_IO_B, l1_get(VMCS_IO_BITMAP_B), proc & PROC_USE_IO_BITMAPS, unconditional);
}

static void enter(enum exit_reason instruction)
{
    meanwhile_begin(STEPS_MAX);
    const enum outcome outcome = l1_execute(instruction);
    meanwhile_end();
    if (outcome == ENTERED_L2)
        entered();
    world_vmcs[VMCS_HANDLE_01][VMCS_ENTRY_INTR_INFO] = 0;
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_ACTIVITY_STATE] = 0;  // a VMX abort's shutdown
    l1_state();
}

static void leave(struct input *input)
{
    const enum exit_reason reason = (enum exit_reason)take_below(input, EXIT_REASON_COUNT);
    if (exit_reason_name(reason) == NULL || !world_routed(ORIGIN_L2, reason))
        return;
    const uint32_t failed = reason == EXIT_ENTRY_GUEST_STATE || reason == EXIT_ENTRY_MSR_LOAD || reason == EXIT_ENTRY_MACHINE_CHECK ? EXIT_REASON_FAILED : 0;
    const uint64_t rip = l1_get(VMCS_HOST_RIP), rsp = l1_get(VMCS_HOST_RSP);
    l2[VMCS_EXIT_QUALIFICATION] = take(input, 4);
    l2[VMCS_EXIT_INTR_INFO] = take(input, 1) % 2 ? 0x80000000 | (take(input, 2) & 0xfff) : 0;
    l2[VMCS_IDT_VECTORING_INFO] = take(input, 1) % 4 ? 0 : 0x80000000 | (take(input, 2) & 0xfff);
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 1 + take_below(input, 15);
    world_gpr[GPR_RCX] = take(input, 4);
    meanwhile_begin(STEPS_MAX);
    const struct reply *rep = world_exit(ORIGIN_L2, (enum exit_reason)(reason | failed), NULL);
    meanwhile_end();
    CHECK(rep->verdict == VERDICT_L1 || !failed);
    if (rep->verdict != VERDICT_L1)
        return;
    in_l2 = false;
    uint64_t *l1 = world_vmcs[VMCS_HANDLE_01];
    if (l1[VMCS_GUEST_ACTIVITY_STATE] == 0) {  // no VMX abort
        CHECK_EQ(l1[VMCS_GUEST_RIP], rip);
        CHECK_EQ(l1[VMCS_GUEST_RSP], rsp);
        CHECK_EQ(l1_get(VMCS_EXIT_REASON) & (0xffff | EXIT_REASON_FAILED), reason | failed);
    }
    l1[VMCS_ENTRY_INTR_INFO] = 0;
    l1[VMCS_GUEST_ACTIVITY_STATE] = 0;
    l1_state();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = { data, bytes };
    start();
    for (unsigned steps = 0; input.left > 0 && steps < 60; steps++) {
        uint64_t what = take(&input, 1);
        if (in_l2)
            leave(&input);
        else if (what % 4)
            change(&input);
        else
            enter(what & 4 ? EXIT_VMRESUME : EXIT_VMLAUNCH);
    }
    if (!in_l2)
        enter(EXIT_VMLAUNCH);
    return 0;
}
