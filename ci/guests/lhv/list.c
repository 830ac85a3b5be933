// SPDX-License-Identifier: BSD-2-Clause
// MSR lists of entries and exits (SDM 3C 27.4 "Loading MSRs", 28.4 "Saving MSRs", 28.6 "Loading MSRs").

#include "cpu_insn.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

void list_tests(void);

L2(list_cpuid, "cpuid");
L2(list_read, "mov $0xc0000082, %ecx\n\trdmsr\n\tmov %eax, %ebx\n\tmov $0xc0000084, %ecx\n\trdmsr");

L2(list_sysenter, "mov $0x176, %ecx\n\trdmsr");
L2_BYTES(list_efer, ".code16\n\tmov $0xc0000080, %ecx\n\trdmsr\n\tvmcall");

#define CPUID_MCA (1u << 14)

struct entry { uint32_t msr, reserved; uint64_t value; };
#define STORE ((struct entry *)(void *)this_cpu()->page_a)
#define LOAD  ((struct entry *)(void *)this_cpu()->page_b)
#define ENTER ((struct entry *)(void *)this_cpu()->page_c)

static void lists(unsigned store, unsigned load, unsigned enter)
{
    W(EXIT_MSR_STORE_ADDR, address(STORE));
    W(EXIT_MSR_STORE_COUNT, store);
    W(EXIT_MSR_LOAD_ADDR, address(LOAD));
    W(EXIT_MSR_LOAD_COUNT, load);
    W(ENTRY_MSR_LOAD_ADDR, address(ENTER));
    W(ENTRY_MSR_LOAD_COUNT, enter);
    l2_start(list_cpuid);
}

// MSRs that tests change; each CPU puts its own back.
static const uint32_t keep[4] = { MSR_LSTAR, MSR_FMASK, MSR_STAR, MSR_KERNEL_GS_BASE };

// Entry loads, L2 sees it, the exit stores it and then loads L1's.
static void round_trip(uint64_t unused)
{
    (void)unused;
    NEED(PROC, USE_MSR_BITMAPS);
    W(MSR_BITMAP, address(this_cpu()->data));
    ENTER[0] = (struct entry){ MSR_LSTAR, 0, 0x1111 };
    ENTER[1] = (struct entry){ MSR_FMASK, 0, 0x2222 };
    STORE[0] = (struct entry){ MSR_LSTAR, 0, 0 };
    STORE[1] = (struct entry){ MSR_FMASK, 0, 0 };
    STORE[2] = (struct entry){ MSR_EFER, 0, 0 };
    LOAD[0] = (struct entry){ MSR_LSTAR, 0, 0x3333 };
    LOAD[1] = (struct entry){ MSR_FMASK, 0, 0x4444 };
    lists(3, 2, 2);
    l2_start(list_read);
    want_end();
    expect("LSTAR in L2", GPR(RBX), 0x1111);
    expect("FMASK in L2", GPR(RAX), 0x2222);
    expect("stored LSTAR", STORE[0].value, 0x1111);
    expect("stored FMASK", STORE[1].value, 0x2222);
    expect("stored EFER", STORE[2].value, msr_read(MSR_EFER));
    expect("LSTAR in L1", msr_read(MSR_LSTAR), 0x3333);
    expect("FMASK in L1", msr_read(MSR_FMASK), 0x4444);
}

// The ancestors' test of MTRRs and PAT: 0x20a to 0x20c, by one list each.
static void mtrr_and_pat(uint64_t unused)
{
    (void)unused;
    if ((msr_read(0xfe) & 0xff) <= 6)
        test_skip("the CPU has too few MTRRs");
    const uint64_t before[3] = { msr_read(MSR_MTRR_PHYSBASE5), msr_read(MSR_MTRR_PHYSMASK5), msr_read(MSR_MTRR_PHYSBASE6) };
    const uint64_t star = msr_read(MSR_STAR), pat = msr_read(MSR_PAT);
    msr_write(MSR_MTRR_PHYSBASE5, 0xaaaaa000);
    STORE[0] = (struct entry){ MSR_MTRR_PHYSBASE5, 0, 0 };
    STORE[1] = (struct entry){ MSR_EFER, 0, 0 };
    LOAD[0] = (struct entry){ MSR_MTRR_PHYSMASK5, 0, 0xbbbbb000 };
    LOAD[1] = (struct entry){ MSR_STAR, 0, 0x11111000 };
    ENTER[0] = (struct entry){ MSR_MTRR_PHYSBASE6, 0, 0xccccc000 };
    ENTER[1] = (struct entry){ MSR_PAT, 0, 0x0007060400070604 };
    lists(2, 2, 2);
    CLEAR(EXIT, LOAD_PAT);
    l2_run();
    const uint64_t after[5] = { msr_read(MSR_MTRR_PHYSMASK5), msr_read(MSR_MTRR_PHYSBASE6), msr_read(MSR_STAR), msr_read(MSR_PAT), 0 };
    msr_write(MSR_MTRR_PHYSBASE5, before[0]);
    msr_write(MSR_MTRR_PHYSMASK5, before[1]);
    msr_write(MSR_MTRR_PHYSBASE6, before[2]);
    msr_write(MSR_STAR, star);
    msr_write(MSR_PAT, pat);
    expect("exit reason", this_cpu()->exit.reason, EXIT_CPUID);
    expect("stored MTRR", STORE[0].value, 0xaaaaa000);
    expect("stored EFER", STORE[1].value, msr_read(MSR_EFER));
    expect("MTRR loaded by the exit", after[0], 0xbbbbb000);
    expect("MTRR loaded by the entry", after[1], 0xccccc000);
    expect("STAR", after[2], 0x11111000);
    expect("PAT", after[3], 0x0007060400070604);
}

// The ancestors' test of machine-check banks: where the CPU lets software give them values (SDM 3B 17.3.2.3 "IA32_MCi_ADDR MSRs").
static void machine_check(uint64_t unused)
{
    (void)unused;
    static const struct { uint32_t msr; uint64_t first, last; } bank[3] = {
        { MSR_MC0_ADDR, 0x2222222222222222, 0x2222222222222222 },  // the exit stores it
        { MSR_MC1_ADDR, 0, 0x3333333333333333 },                   // and loads this one
        { MSR_MC0_MISC, 0, 0x6666666666666666 },                   // which the entry does here
    };
    uint64_t before[3], value;
    if (!(cpuid(1).edx & CPUID_MCA) || (msr_read(MSR_MCG_CAP) & 0xff) < 2)
        test_skip("the CPU has no two machine-check banks");
    for (unsigned i = 0; i < 3; i++) {
        if (msr_try_read(bank[i].msr, &before[i]) || msr_try_write(bank[i].msr, bank[i].last) || msr_read(bank[i].msr) != bank[i].last)
            test_skip("the CPU's machine-check banks take no values");
        msr_write(bank[i].msr, bank[i].first);
    }
    STORE[0] = (struct entry){ bank[0].msr, 0, 0 };
    LOAD[0] = (struct entry){ bank[1].msr, 0, bank[1].last };
    ENTER[0] = (struct entry){ bank[2].msr, 0, bank[2].last };
    lists(1, 1, 1);
    l2_run();
    value = STORE[0].value;
    uint64_t after[3];
    for (unsigned i = 0; i < 3; i++) {
        after[i] = msr_read(bank[i].msr);
        msr_write(bank[i].msr, before[i]);
    }
    expect("exit reason", this_cpu()->exit.reason, EXIT_CPUID);
    expect("stored", value, bank[0].first);
    for (unsigned i = 0; i < 3; i++)
        expect("afterwards", after[i], bank[i].last);
}

// The same MSR twice: the later entry wins; what entry loads and exit doesn't stays (SDM 3C 27.4).
static void later_wins(uint64_t unused)
{
    (void)unused;
    ENTER[0] = (struct entry){ MSR_LSTAR, 0, 0x1111 };
    ENTER[1] = (struct entry){ MSR_LSTAR, 0, 0x2222 };
    ENTER[2] = (struct entry){ MSR_STAR, 0, 0x9999 };
    STORE[0] = (struct entry){ MSR_LSTAR, 0, 0 };
    LOAD[0] = (struct entry){ MSR_LSTAR, 0, 0x3333 };
    LOAD[1] = (struct entry){ MSR_LSTAR, 0, 0x4444 };
    lists(1, 2, 3);
    want_exit(EXIT_CPUID);
    expect("stored", STORE[0].value, 0x2222);
    expect("LSTAR", msr_read(MSR_LSTAR), 0x4444);
    expect("STAR", msr_read(MSR_STAR), 0x9999);
}

// Entries that can't be loaded: exit 34 with their number, counted from 1; those before it are loaded (SDM 3C 27.4, 27.8).
static const struct bad { const char *name; struct entry entry; } bad[] = {
    { "fs_base", { MSR_FS_BASE, 0, 0 } },
    { "gs_base", { MSR_GS_BASE, 0, 0 } },
    { "reserved", { MSR_LSTAR, 1, 0 } },
    { "x2apic", { 0x808, 0, 0 } },
    { "smm_monitor", { 0x9b, 0, 0 } },
    { "efer_value", { MSR_EFER, 0, 0xffffffff00000000 } },
    { "efer_lme", { MSR_EFER, 0, EFER_LMA } },
    { "lstar_not_canonical", { MSR_LSTAR, 0, 0x800000000000 } },
    { "sysenter_not_canonical", { MSR_SYSENTER_EIP, 0, 0x800000000000 } },
    { "pat_value", { MSR_PAT, 0, 2 } },
    { "absent", { 0x1fff, 0, 0 } },
    { "vmx_capability", { MSR_VMX_BASIC, 0, 0 } },
};

static void bad_entry_load(uint64_t row)
{
    for (unsigned place = 0; place < 3; place++) {
        for (unsigned i = 0; i < 3; i++)
            ENTER[i] = (struct entry){ MSR_STAR, 0, 0x100 + i };
        ENTER[place] = bad[row].entry;
        msr_write(MSR_STAR, 0);
        lists(0, 0, 3);
        want_entry_failure(EXIT_ENTRY_MSR_LOAD, place + 1);
        expect("those before it are loaded", msr_read(MSR_STAR), place ? 0x100 + place - 1 : 0);
    }
    ENTER[2] = (struct entry){ MSR_STAR, 0, 0x55 };
    lists(0, 0, 3);
    expect("VMRESUME", (uint64_t)vmx_vmresume(), ERROR_VMRESUME_CLEAR);
}

// Without paging LME is loaded, and LMA isn't.
static void efer_lme_unpaged(uint64_t lme)
{
    NEED(PROC2, ENABLE_EPT);
    NEED(PROC2, UNRESTRICTED_GUEST);
    NEED(PROC, USE_MSR_BITMAPS);
    NEED(ENTRY, LOAD_GUEST_EFER);
    NEED(EXIT, LOAD_EFER);
    const uint64_t efer = msr_read(MSR_EFER) & ~(EFER_LME | EFER_LMA);
    W(MSR_BITMAP, address(this_cpu()->data));
    W(HOST_EFER, msr_read(MSR_EFER));
    W(GUEST_EFER, efer | (lme ^ EFER_LME));
    ENTER[0] = (struct entry){ MSR_EFER, 0, efer | lme | EFER_LMA };
    STORE[0] = (struct entry){ MSR_EFER, 0, 0 };
    lists(1, 0, 1);
    l2_real(l2_low(list_efer, list_efer_end));
    want_exit(EXIT_VMCALL);
    expect("EFER in L2", GPR(RAX) & 0xffffffff, efer | lme);
    expect("stored", STORE[0].value, efer | lme);
    expect("EFER in L1", msr_read(MSR_EFER), R(HOST_EFER));
}

// Host state is loaded all the same, and the exit's load list processed.
static void bad_entry_load_and_exit_list(uint64_t unused)
{
    (void)unused;
    ENTER[0] = (struct entry){ MSR_FS_BASE, 0, 0 };
    STORE[0] = (struct entry){ MSR_LSTAR, 0, 0x77 };
    LOAD[0] = (struct entry){ MSR_LSTAR, 0, 0x6666 };
    lists(1, 1, 1);
    want_entry_failure(EXIT_ENTRY_MSR_LOAD, 1);
    expect("loaded by the exit", msr_read(MSR_LSTAR), 0x6666);
    expect("nothing is stored", STORE[0].value, 0x77);
}

// No guest state is saved (SDM 3C 27.8): what the list loads before its bad entry, or before the CPU refuses the state, is not L2's, once it has run.
static void failure_saves_nothing(uint64_t bad_state)
{
    NEED(PROC, USE_MSR_BITMAPS);
    W(MSR_BITMAP, address(this_cpu()->data));
    W(GUEST_SYSENTER_EIP, 0x1110);
    lists(0, 0, 0);
    want_exit(EXIT_CPUID);
    ENTER[0] = (struct entry){ MSR_SYSENTER_EIP, 0, 0x2220 };
    ENTER[1] = (struct entry){ MSR_FS_BASE, 0, 0 };
    lists(0, 0, bad_state ? 1 : 2);
    const uint64_t rflags = R(GUEST_RFLAGS);
    if (bad_state) {
        W(GUEST_RFLAGS, rflags & ~2ull);
        want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
        W(GUEST_RFLAGS, rflags);
    } else {
        want_entry_failure(EXIT_ENTRY_MSR_LOAD, 2);
    }
    expect("SYSENTER_EIP after the failure", R(GUEST_SYSENTER_EIP), 0x1110);
    lists(0, 0, 0);
    l2_start(list_sysenter);
    want_end();
    expect("SYSENTER_EIP in L2", GPR(RAX), 0x1110);
}

// The guest state is checked before a list is loaded (SDM 3C 27.3, 27.4), whatever the list has: L1's MSRs stay.
static void state_before_list(uint64_t bad_list)
{
    const uint64_t before = msr_read(MSR_LSTAR);
    ENTER[0] = (struct entry){ MSR_LSTAR, 0, before ^ 0x1111 };
    ENTER[1] = (struct entry){ MSR_FS_BASE, 0, 0 };
    for (unsigned launched = 0; launched < 2; launched++) {
        lists(0, 0, bad_list ? 2 : 1);
        const uint64_t rflags = R(GUEST_RFLAGS);
        W(GUEST_RFLAGS, rflags & ~2ull);
        want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
        expect("LSTAR in L1", msr_read(MSR_LSTAR), before);
        W(GUEST_RFLAGS, rflags);
        const uint64_t task = R(GUEST_TR_ACCESS_RIGHTS);
        W(GUEST_TR_ACCESS_RIGHTS, 0x89);
        want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
        expect("LSTAR in L1", msr_read(MSR_LSTAR), before);
        W(GUEST_TR_ACCESS_RIGHTS, task);
        lists(0, 0, 0);
        want_exit(EXIT_CPUID);
    }
    // Good as it is.
    lists(0, 0, 1);
    W(EXCEPTION_BITMAP, 1u << VECTOR_GP);
    W(GUEST_RIP, 0x800000000000);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("LSTAR in L1", msr_read(MSR_LSTAR), before ^ 0x1111);
}

// PAT and EFER where the exit loads neither: an entry that its list ends has loaded L2's by then, which stay with L1 (SDM 3C 27.8, 28.5.1); one that the guest state
// ends processes no list. L1's mode is its own in any case.
static const struct carried { const char *name; uint32_t msr; bool by_control, bad_state; } carried[] = {
    { "pat.list", MSR_PAT, false, false },   { "pat.control", MSR_PAT, true, false },   { "pat.bad_state", MSR_PAT, false, true },
    { "efer.list", MSR_EFER, false, false }, { "efer.control", MSR_EFER, true, false }, { "efer.bad_state", MSR_EFER, false, true },
};

static void failure_carries(uint64_t index)
{
    const struct carried *row = &carried[index];
    const uint64_t before = msr_read(row->msr), other = row->msr == MSR_PAT ? 0x0007060400070604 : before ^ EFER_SCE;
    W(GUEST_PAT, msr_read(MSR_PAT));
    W(GUEST_EFER, msr_read(MSR_EFER));
    CLEAR(EXIT, LOAD_PAT);
    CLEAR(EXIT, LOAD_EFER);
    if (row->by_control && row->msr == MSR_PAT) {
        NEED(ENTRY, LOAD_GUEST_PAT);
        W(GUEST_PAT, other);
    } else if (row->by_control) {
        NEED(ENTRY, LOAD_GUEST_EFER);
        W(GUEST_EFER, other);
    }
    ENTER[0] = (struct entry){ row->by_control ? MSR_LSTAR : row->msr, 0, row->by_control ? 0x1111 : other };
    ENTER[1] = (struct entry){ MSR_FS_BASE, 0, 0 };
    lists(0, 0, row->bad_state ? 1 : 2);
    if (row->bad_state) {
        W(GUEST_RFLAGS, R(GUEST_RFLAGS) & ~2ull);
        want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
    } else {
        want_entry_failure(EXIT_ENTRY_MSR_LOAD, 2);
    }
    expect("the MSR in L1", msr_read(row->msr), row->bad_state ? before : other);
    expect("the other one", msr_read(row->msr == MSR_PAT ? MSR_EFER : MSR_PAT), row->msr == MSR_PAT ? R(GUEST_EFER) : R(GUEST_PAT));
}

// As many as IA32_VMX_MISC recommends.
static void many(uint64_t unused)
{
    (void)unused;
    for (unsigned i = 0; i < 256; i++) {
        ENTER[i] = (struct entry){ MSR_LSTAR, 0, i };
        STORE[i] = (struct entry){ MSR_LSTAR, 0, ~0ull };
        LOAD[i] = (struct entry){ MSR_LSTAR, 0, 0x1000 + i };
    }
    lists(256, 256, 256);
    want_exit(EXIT_CPUID);
    for (unsigned i = 0; i < 256; i++)
        expect("stored", STORE[i].value, 255);
    expect("LSTAR", msr_read(MSR_LSTAR), 0x10ff);
}

// Lists are read at each entry and exit anew.
static void lists_change(uint64_t unused)
{
    (void)unused;
    for (uint64_t i = 1; i < 5; i++) {
        ENTER[0] = (struct entry){ MSR_LSTAR, 0, i };
        STORE[0] = (struct entry){ MSR_LSTAR, 0, 0 };
        LOAD[0] = (struct entry){ MSR_LSTAR, 0, 100 + i };
        lists(1, 1, 1);
        want_exit(EXIT_CPUID);
        expect("stored", STORE[0].value, i);
        expect("LSTAR", msr_read(MSR_LSTAR), 100 + i);
    }
}

static void keeping(const char *name, const char *part, void (*what)(uint64_t), uint64_t row)
{
    uint64_t kept[4];
    for (unsigned i = 0; i < 4; i++)
        kept[i] = msr_read(keep[i]);
    test_row(name, part, what, row);
    for (unsigned i = 0; i < 4; i++)
        msr_write(keep[i], kept[i]);
}

void list_tests(void)
{
    keeping("round_trip", NULL, round_trip, 0);
    keeping("mtrr_and_pat", NULL, mtrr_and_pat, 0);
    keeping("machine_check", NULL, machine_check, 0);
    keeping("later_wins", NULL, later_wins, 0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        keeping("bad_entry_load", bad[i].name, bad_entry_load, i);
    test_row("efer_lme_unpaged", "on", efer_lme_unpaged, EFER_LME);
    test_row("efer_lme_unpaged", "off", efer_lme_unpaged, 0);
    keeping("bad_entry_load_and_exit_list", NULL, bad_entry_load_and_exit_list, 0);
    test_row("failure_saves_nothing", "list", failure_saves_nothing, 0);
    test_row("failure_saves_nothing", "state", failure_saves_nothing, 1);
    keeping("state_before_list", "good", state_before_list, 0);
    keeping("state_before_list", "bad", state_before_list, 1);
    for (unsigned i = 0; i < sizeof(carried) / sizeof(carried[0]); i++)
        keeping("failure_carries", carried[i].name, failure_carries, i);
    keeping("many", NULL, many, 0);
    keeping("lists_change", NULL, lists_change, 0);
}
