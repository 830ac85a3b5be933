// SPDX-License-Identifier: BSD-2-Clause
// EPT12s of any entries, with and without accessed and dirty flags, logging and mode-based execute control, that change between exits and during them, on several
// CPUs, with messages that are cut short or refused by the kernel: whatever ept maps is what EPT12 says, by a second walker (trees.h), and INVEPT makes every tree
// right; with few of the kernel's tables, too.
#include "trees.h"

#include "../../ept/instruction.h"
#include "../../ept/tree.h"
#include <caps/ept_call.h>
#include <caps/exit_reason.h>
#include <rt/walk12.h>

#include "meanwhile.h"

#define TABLES   12u  // pages 1 to 12
#define L1_CR3   (14 * PAGE_BYTES)
#define OPERAND  (20 * PAGE_BYTES)
#define CPUS     3u
#define STEPS_OF_EXIT  16384u
#define STEPS_OF_INVAL (1u << 18)  // each entry of each record has changed

static const uint64_t pages[TABLES] = { 0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000, 0x8000, 0x9000, 0xa000, 0xb000, 0xc000 };

static uint64_t address(struct input *input)
{
    uint64_t value = 0, bits = take(input, 4);
    for (unsigned level = 0; level < 4; level++, bits >>= 8)
        value |= (bits & 7) << (12 + 9 * level);
    return bits >> 6 == 3 ? take(input, 8) & (1ull << 48) - 1 : value | (bits & 0xff);
}

// Tables one below the other, most of the time.
static uint64_t entry(struct input *input, unsigned table)
{
    uint64_t shape = take(input, 1), level = 3 - (table - 1) / 3;
    if (shape % 8 == 0)
        return take(input, 8);
    uint64_t rights = shape % 8 == 1 ? take(input, 1) & 7 : shape % 8 == 3 ? 0x407 : shape % 8 == 4 ? 0x307 : 7;
    if (level == 0 || shape % 8 == 2)
        return (take(input, 3) << 12) | (level > 0 ? 0x80 : 0) | (shape >> 3 & 15) << 3 | rights;
    return (4 + 3 * (3 - level) + (shape >> 3) % 3) * PAGE_BYTES | rights;
}

// Three EPT12s, each as any of the tags that nestvmx gives it.
static uint64_t tag(uint64_t what, uint64_t how)
{
    return (1 + (what >> 3) % 3) * PAGE_BYTES | 0x1e | (how & 1 ? EPTP12_FLAGS : 0) | ((how & 3) == 3 ? EPTP12_LOGS : 0) | (how & 4 ? EPTP12_MODES : 0);
}

// MSG_INIT of a partition that was reloaded: its ordinary memory is as in its image, so that nobody is in.
void __real_instruction_init(void);
void __wrap_instruction_init(void);
void __wrap_instruction_init(void)
{
    tree_gate = (struct tree_gate){ 0 };
    __real_instruction_init();
}

static void begin(unsigned most)
{
    trees_on_read = meanwhile_step;
    meanwhile_begin(most);
}

static void end(void)
{
    meanwhile_end();
    world_cut = world_cut_again = 0;
    trees_refuse = STATUS_OK;
    for (unsigned i = 0; i < TABLES; i++)
        world_mapped[pages[i] / PAGE_BYTES] = true;
}

static void invept(enum invept_type type, uint64_t eptp12)
{
    begin(STEPS_OF_INVAL);
    trees_invept(type, eptp12);
    end();
}

static void invept_all(void)
{
    invept(INVEPT_ALL, 0);
    trees_check();
}

// How L2's message is to go wrong.
static void trouble(struct input *input)
{
    static const enum status refused[] = { STATUS_NO_TABLES, STATUS_NO_MEMORY, STATUS_BAD_ADDRESS, STATUS_BUSY };
    const uint64_t how = take(input, 1);
    switch (how % 4) {
    case 0:
        meanwhile_arm(input, pages, TABLES);
        trees_lax = true;
        break;
    case 1:
        world_cut = (uint32_t)(how >> 2 & 7);
        world_cut_again = (uint32_t)(how >> 5 & 3);
        break;
    case 2:
        trees_refuse = refused[how >> 2 & 3];
        break;
    default:
        world_cut = (uint32_t)(how >> 2 & 7);
        world_cut_kills = true;
        break;
    }
}

static void exit_of_l2(struct input *input, uint64_t eptp12, uint64_t qualification)
{
    const uint64_t at = address(input), more = take(input, 1);
    struct leaf leaf;
    if (more % 4 == 0)
        trouble(input);
    // The CPU finds misconfigurations of EPT02 alone, which the kernel writes; one of EPT12 is found by who looks there.
    const bool misconfig = (more & 4) && !trees_lax && reference(eptp12, at, &leaf) == REFERENCE_MISCONFIG;
    begin(STEPS_OF_EXIT);
    trees_exit(misconfig ? EXIT_EPT_MISCONFIG : EXIT_EPT_VIOLATION, eptp12, at, qualification | 0x180 | (more & 8 ? 0x200 : 0));
    end();
    world_cut_kills = false;
    if (trees_lax)  // it may have mapped what EPT12 said a moment ago
        invept(INVEPT_ALL, 0);
    trees_lax = false;
}

// As L1 executes it: INVEPT's exit comes here first. In 64-bit mode, its tables are flat.
static void invept_by_l1(uint64_t type, uint64_t eptp12)
{
    uint64_t *l1 = world_vmcs[VMCS_HANDLE_01];
    for (unsigned level = 3; level > 0; level--)
        trees_entry(L1_CR3 + (3 - level) * PAGE_BYTES, 0, (L1_CR3 + (4 - level) * PAGE_BYTES) | 0x23);
    trees_entry(L1_CR3 + 3 * PAGE_BYTES, OPERAND / PAGE_BYTES, OPERAND | 0x23);
    trees_entry(OPERAND, 0, eptp12);
    trees_entry(OPERAND, 1, 0);
    l1[VMCS_GUEST_CR3] = L1_CR3;
    l1[VMCS_GUEST_CR4] = 1u << 5;
    l1[VMCS_GUEST_EFER] = 1u << 10;
    l1[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc093;
    l1[VMCS_GUEST_RSP] = OPERAND;
    l1[VMCS_EXIT_QUALIFICATION] = 0;
    l1[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 2u << 15 | 1u << 22 | 4u << 23 | 6u << 28;  // invept (%rsp), %rsi
    world_gpr[GPR_RSI] = type;
    begin(STEPS_OF_INVAL);
    trees_invept_exit();
    end();
}

// The first page of each of many regions, of which EPT12 may have some: more than ept has records for. Once for an input, it takes long.
static bool swept;
static void sweep(uint64_t eptp12)
{
    for (unsigned i = 0; i < 300 && !swept; i++)
        trees_violation(eptp12, i % 8 * LARGE_BYTES + i / 8 % 8 * HUGE_BYTES + i / 64 % 8 * (512 * HUGE_BYTES), 1);
    swept = true;
}

static void step(struct input *input)
{
    const uint64_t what = take(input, 1), how = what >> 5, eptp12 = tag(what, take(input, 1));
    switch (what % 8) {
    case 0: exit_of_l2(input, eptp12, 1 + take_below(input, 7)); break;
    case 1: {
        const uint64_t at = address(input);
        trees_violation(eptp12, at, 1);
        trees_violation(eptp12, at, 2);
        break;
    }
    case 2:
        invept_all();
        break;
    case 3:
        if (how == 0)
            invept(INVEPT_SINGLE, eptp12);
        else if (how == 1)
            sweep(eptp12);
        else if (how < 4)
            world_cpu = (uint32_t)how % CPUS;
        else
            invept_by_l1(how == 7 ? take(input, 1) : INVEPT_SINGLE, eptp12 & ~(how == 6 ? 0 : EPTP12_OF_TAG));
        break;
    default: {
        unsigned table = 1 + (unsigned)(what >> 3) % TABLES, index = (unsigned)take(input, 1);
        trees_entry(table * PAGE_BYTES, index % 8, entry(input, table));
        // The processor may use a stale entry until INVEPT; the model wants to know.
        if (index & 8)
            invept(INVEPT_ALL, 0);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = { data, bytes };
    trees_start();
    end();
    world_cpu = 0;
    swept = false;
    trees_budget = 1500;
    trees_tables_budget = bytes % 2 != 0 ? 8 + (unsigned)take(&input, 1) % 32 : 4000;
    memset(world_at(PAGE_BYTES), 0, TABLES * PAGE_BYTES);
    trees_invept(INVEPT_ALL, 0);
    for (unsigned steps = 0; input.left > 0 && steps < 400; steps++)
        step(&input);
    invept_all();
    return 0;
}
