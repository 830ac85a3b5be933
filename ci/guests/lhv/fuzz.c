// SPDX-License-Identifier: BSD-2-Clause
// Random VMCSs, operands of VMX instructions, bitmaps and EPT12 tables: whatever they come to, L1 goes on. EPT12 lets L2 write nowhere but into hidden memory, so that it
// can't hurt L1 itself.

#include "cpu_insn.h"
#include "ept12.h"
#include "hidden.h"
#include "l2.h"
#include "options.h"
#include "vmx.h"
#include "x86.h"

void fuzz_tests(void);

L2(fuzz_code, "cpuid\n\tmov (%rsi), %rax\n\trdtsc");
L2(fuzz_load, "mov (%rsi), %rax");
L2(fuzz_store, "mov %rax, (%rsi)");
L2(fuzz_rdmsr, "rdmsr");
L2(fuzz_wrmsr, "wrmsr");
L2(fuzz_in8, "in %dx, %al");
L2(fuzz_out16, "out %ax, %dx");
L2(fuzz_in32, "in %dx, %eax");

#define TIMER_TICKS 3000
#define SEED(salt)  (options.seed * 0x9e3779b97f4a7c15 + this_cpu()->index + (salt))

extern struct hidden hidden;

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Fields whose value names memory that the CPU writes, or decides what L1 has afterwards: L1's own risk, not Bulkhead's.
static bool left_alone(unsigned field)
{
    switch (field) {
    case VMCS_EXIT_MSR_STORE_ADDR: case VMCS_EXIT_MSR_STORE_COUNT: case VMCS_EXIT_MSR_LOAD_ADDR: case VMCS_EXIT_MSR_LOAD_COUNT:
    case VMCS_ENTRY_MSR_LOAD_ADDR: case VMCS_ENTRY_MSR_LOAD_COUNT: case VMCS_VIRTUAL_APIC_ADDR: case VMCS_PML_ADDR: case VMCS_VE_INFO_ADDR:
    case VMCS_POSTED_INTR_DESC_ADDR: case VMCS_EPTP: case VMCS_PREEMPTION_TIMER: case VMCS_EXECUTIVE_VMCS: case VMCS_VMCS_LINK_POINTER:
    case VMCS_EPTP_LIST_ADDR: case VMCS_GUEST_SMBASE: case VMCS_GUEST_ACTIVITY_STATE:
        return true;
    default:
        return encoding_class(vmcs_field_info[field].encoding) == CLASS_HOST || encoding_class(vmcs_field_info[field].encoding) == CLASS_INFO;
    }
}

static uint64_t value(uint64_t *state, uint64_t before)
{
    const uint64_t random = next(state);
    switch (next(state) % 6) {
    case 0: return before ^ 1ull << random % 64;
    case 1: return before ^ 1ull << random % 16;
    case 2: return random;
    case 3: return random & 0xffff;
    case 4: return address(this_cpu()->page_c) + (random & 7);
    default: return random & 1 ? 0 : ~0ull;
    }
}

static void random_vmcs(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PIN, PREEMPTION_TIMER);  // nothing else may end what L2 does
    NEED(PROC2, ENABLE_EPT);
    uint64_t state = SEED(1);
    for (uint64_t round = 0; round < options.fuzz; round++) {
        vmcs_use(c, (unsigned)(round % VMCS_MAX));
        c->ept_root[0] &= ~EPT_WRITE;
        l2_start(fuzz_code);
        for (unsigned n = (unsigned)(1 + next(&state) % 4); n > 0; n--) {
            const unsigned field = (unsigned)(next(&state) % VMCS_FIELD_COUNT);
            if (vmcs_has((enum vmcs_field)field) && !left_alone(field))
                vmcs_write((enum vmcs_field)field, value(&state, vmcs_read((enum vmcs_field)field)));
        }
        NEED(PIN, PREEMPTION_TIMER);
        NEED(PROC2, ENABLE_EPT);
        NEED(PROC, SECONDARY_CONTROLS);
        CLEAR(PROC2, ENABLE_VMFUNC);
        W(PREEMPTION_TIMER, TIMER_TICKS);
        GPR(RSI) = value(&state, address(c->data));
        for (unsigned run = 0; run < 3 && (run == 0 || c->exit.failed == 0); run++) {
            l2_run();
            cpu_restore(c);
        }
    }
    vmcs_use(c, 0);
    l2_start(fuzz_code);
    want_exit(EXIT_CPUID);
}

// Tables of random entries, and INVEPT with random operands: L2 reads and executes through them, but can't write.
static void random_ept(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PIN, PREEMPTION_TIMER);
    NEED(PROC2, ENABLE_EPT);
    uint64_t state = SEED(77);
    c->ept_root[0] &= ~EPT_WRITE;
    for (uint64_t round = 0; round < options.fuzz; round++) {
        for (unsigned n = 0; n < 8; n++) {
            uint64_t *table = next(&state) & 1 ? c->ept_table : c->ept_regions;
            const uint64_t random = next(&state);
            table[next(&state) % 8] = random & 3 ? (address(c->data) & ~0xfffull) | (random & 0xfff) : random;
        }
        if (next(&state) & 1)
            c->ept_regions[0] = address(c->ept_table) | EPT_READ | EPT_EXECUTE;
        (void)vmx_invept(next(&state) % 4, next(&state) & 1 ? ept12_pointer(c) : next(&state), 0);
        W(PREEMPTION_TIMER, TIMER_TICKS);
        l2_start(fuzz_code);
        GPR(RSI) = WINDOW_LINEAR + (next(&state) & 0xffffff);
        for (unsigned run = 0; run < 3; run++) {
            l2_run();
            if (this_cpu()->exit.reason != EXIT_CPUID)
                break;
            l2_skip();
        }
    }
    ept12_reset(c);
    l2_start(fuzz_code);
    want_exit(EXIT_CPUID);
}

static void first_cpu_alone(void)
{
    if (this_cpu()->index != 0)
        test_skip("on the first CPU alone");
}

// MSRs whose value L2 reads and writes back, and ports that nothing listens to.
static const uint32_t msrs[] = { MSR_LSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_STAR };
static const uint16_t ports[] = { 0x00ec, 0x5000, 0x7ff0, 0x7ffe, 0x8000, 0x9000 };

static bool bit(const uint64_t *map, uint64_t number) { return map[number / 64] >> (number % 64) & 1; }

static bool msr_exits(uint32_t msr, bool write)
{
    return bit(this_cpu()->page_a, (msr >= 0xc0000000 ? 0x2000u : 0) + (msr & 0x1fff) + (write ? 0x4000u : 0));
}

static bool io_exits(uint32_t port, unsigned bytes)
{
    for (; bytes > 0; bytes--, port++) {
        if (bit(port < 0x8000 ? this_cpu()->page_b : this_cpu()->page_c, port & 0x7fff))
            return true;
    }
    return false;
}

static void random_msr_access(uint64_t *state)
{
    const uint32_t msr = msrs[next(state) % (sizeof(msrs) / sizeof(msrs[0]))];
    const bool write = next(state) & 1;
    const uint64_t before = msr_read(msr);
    l2_start(write ? fuzz_wrmsr : fuzz_rdmsr);
    GPR(RCX) = msr;
    GPR(RAX) = (uint32_t)before;
    GPR(RDX) = before >> 32;
    if (msr_exits(msr, write))
        want_exit(write ? EXIT_WRMSR : EXIT_RDMSR);
    else
        want_end();
}

static void random_port_access(uint64_t *state)
{
    static const struct { const char *code; unsigned bytes; } ways[] = { { fuzz_in8, 1 }, { fuzz_out16, 2 }, { fuzz_in32, 4 } };
    const uint64_t way = next(state) % 3;
    const uint32_t port = ports[next(state) % (sizeof(ports) / sizeof(ports[0]))] + (uint32_t)(next(state) % 4);
    l2_start(ways[way].code);
    GPR(RDX) = port;
    GPR(RAX) = 0;
    if (io_exits(port, ways[way].bytes))
        want_exit(EXIT_IO);
    else
        want_end();
}

// Bitmaps that change between entries, in single bits and as a whole: an access exits by its own bit, and by no other.
static void random_bitmaps(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    first_cpu_alone();
    uint64_t *const map[] = { c->page_a, c->page_b, c->page_c };
    NEED(PROC, USE_MSR_BITMAPS);
    NEED(PROC, USE_IO_BITMAPS);
    W(MSR_BITMAP, address(c->page_a));
    W(IO_BITMAP_A, address(c->page_b));
    W(IO_BITMAP_B, address(c->page_c));
    uint64_t state = SEED(3);
    for (uint64_t round = 0; round < options.fuzz; round++) {
        const bool whole = next(&state) % 8 == 0;
        for (unsigned n = whole ? 512 : (unsigned)(next(&state) % 16); n > 0; n--)
            map[whole ? round % 3 : next(&state) % 3][whole ? n - 1 : next(&state) % 512] = next(&state) & next(&state);
        random_msr_access(&state);
        random_port_access(&state);
    }
}

static uint64_t operand_address(uint64_t *state)
{
    struct cpu *c = this_cpu();
    const uint64_t random = next(state);
    switch (next(state) % 8) {
    case 0: return address(c->vmcs[1 + random % (VMCS_MAX - 1)]);
    case 1: return address(c->vmcs[0]) + (random & 0xfff);
    case 2: return address(c->vmxon_region);
    case 3: return random | 1ull << 52;
    case 4: return (hidden.end > 0 ? hidden.first + random % (hidden.end - hidden.first) : address(c->data)) & ~0xfffull;
    case 5: return random;
    default: return random & 1 ? 0 : ~0ull;
    }
}

// Where a memory operand lies: in the test's own data, in nothing's place, or nowhere.
static uint64_t operand_place(uint64_t *state)
{
    const uint64_t random = next(state);
    switch (next(state) % 4) {
    case 0: return address(this_cpu()->data) + (random & 0xff0);
    case 1: return address(this_cpu()->data) + (random & 0xff8) + 3;
    case 2: return 2 * WINDOW_LINEAR + (random & 0xffffff);  // not mapped
    default: return random | 1ull << 62;                     // not canonical
    }
}

static uint64_t operand_field(uint64_t *state)
{
    return next(state) & 1 ? vmcs_field_info[next(state) % VMCS_FIELD_COUNT].encoding : next(state) & 0x7fff;
}

// VMREAD, VMWRITE and the like: what the operands are good for is another test's business.
static int random_instruction(uint64_t *state)
{
    const uint64_t place = operand_place(state), random = next(state);
    *(uint64_t *)(uintptr_t)address(this_cpu()->data) = operand_address(state);
    switch (random % 12) {
    case 0: { uint64_t read = 0; return vmx_vmread_raw(operand_field(state), &read); }
    case 1: return vmx_vmread_at(operand_field(state), place);
    case 2: return vmx_vmwrite_raw(operand_field(state), next(state));
    case 3: return vmx_vmwrite_at(operand_field(state), place);
    case 4: return vmx_vmptrld(operand_address(state));
    case 5: return vmx_vmptrld_at(place);
    case 6: return vmx_vmptrst_at(place);
    case 7: return vmx_vmclear(address(this_cpu()->vmcs[next(state) % VMCS_MAX]) + (next(state) % 4 == 0));
    case 8: return vmx_invept(next(state) % 6, operand_address(state), next(state) & 1 ? 0 : next(state));
    case 9: return vmx_invept_at(next(state) % 6, place);
    case 10: return vmx_invvpid(next(state) % 6, next(state) & (random >> 32 & 1 ? 0xffff : ~0ull), operand_address(state));
    default: return vmx_invvpid_at(next(state) % 6, place);
    }
}

// Each ends as VMX instructions end, and afterwards L1's VMX works.
static void random_operands(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    test_emulator_first_cpu();
    uint64_t state = SEED(4);
    for (uint64_t round = 0; round < 8 * options.fuzz; round++) {
        const int outcome = random_instruction(&state);
        const bool fault = outcome >= OUTCOME_FAULT;
        if (fault && outcome != OUTCOME_FAULT + VECTOR_GP && outcome != OUTCOME_FAULT + VECTOR_PF && outcome != OUTCOME_FAULT + VECTOR_UD)
            test_fail("a VMX instruction's fault", (uint64_t)outcome, round);
        if (round % 64 == 0) {
            vmcs_use(c, 0);
            l2_start(fuzz_code);
            want_exit(EXIT_CPUID);
        }
    }
    vmcs_use(c, 0);
    l2_start(fuzz_code);
    want_exit(EXIT_CPUID);
}

// A leaf of EPT12 that leads to that page, in an entry of 4 KiB or in one of 2 MiB. Returns where L2 finds the page.
static uint64_t random_leaf(uint64_t *state, uint64_t page, uint64_t rights)
{
    struct cpu *c = this_cpu();
    const uint64_t bits = rights | EPT_WB | (next(state) & (EPT_ACCESSED | EPT_DIRTY));
    if (next(state) & 1) {
        const unsigned region = 1 + (unsigned)(next(state) % 8);
        c->ept_regions[region] = (page & ~(LARGE_BYTES - 1)) | EPT_LARGE | bits;
        return WINDOW_LINEAR + region * LARGE_BYTES + (page & (LARGE_BYTES - 1));
    }
    const unsigned entry = (unsigned)(next(state) % 8);
    c->ept_table[entry] = page | bits;
    return WINDOW_LINEAR + entry * PAGE_BYTES;
}

// What L2s write where EPT12 leads to hidden memory may be seen there by L2s until the next such page is mapped (CAVEATS.md). L1 has ones in any case.
#define WRITTEN 0x5eed1e55ull << 32

static bool may_be_read(uint64_t value) { return value == ~0ull || (value & ~0ull << 32) == WRITTEN; }

// EPT12 leads to hidden memory, and to other memory of L1's: L2 sees no more of either than L1 does.
static void random_hidden(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    first_cpu_alone();
    NEED(PROC2, ENABLE_EPT);
    uint64_t state = SEED(5);
    for (uint64_t round = 0; round < options.fuzz; round++) {
        const bool secret = hidden.end > 0 && next(&state) % 4;
        const uint64_t page = secret ? hidden.first + (next(&state) % ((hidden.end - hidden.first) / PAGE_BYTES)) * PAGE_BYTES : address(c->page_c);
        const uint64_t place = random_leaf(&state, page, secret ? EPT_READ | EPT_WRITE : EPT_READ), offset = next(&state) & 0xff8;
        const volatile uint64_t *mine = (const volatile uint64_t *)(uintptr_t)(page + offset);
        (void)vmx_invept(2, 0, 0);
        if (secret && next(&state) & 1) {
            l2_start(fuzz_store);
            GPR(RSI) = place + offset;
            GPR(RAX) = WRITTEN | (uint32_t)next(&state);
            want_end();
        }
        c->page_c[offset / 8] = next(&state);
        l2_start(fuzz_load);
        GPR(RSI) = place + offset;
        want_end();
        if (!secret)
            expect("what L2 reads", GPR(RAX), *mine);
        else if (!may_be_read(GPR(RAX)))
            test_fail("what L2 reads of hidden memory", GPR(RAX), ~0ull);
        expect("what L1 reads", *mine, secret ? ~0ull : c->page_c[offset / 8]);
    }
}

void fuzz_tests(void)
{
    TEST(random_vmcs);
    TEST(random_operands);
    TEST(random_bitmaps);
    TEST(random_ept);
    TEST(random_hidden);
}
