// SPDX-License-Identifier: BSD-2-Clause
// Rows of L2.

#include <caps/vmcs_feature.h>

#include "console.h"
#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "median.h"
#include "memory.h"
#include "row.h"
#include "stats.h"
#include "vmcs12.h"
#include "vmx_insn.h"

#define DENSE_PAGES 512  // one table of 4 KiB leaves
// The window's regions: one page each, all pages, none.
#define SPARSE_FIRST 0
#define DENSE_REGION 200
#define ABSENT_FIRST 300
#define CACHED_FIRST 450
#define CACHED_PAGES 1000

#define MSR_FEATURE_CONTROL 0x3a
#define MSR_VMX_PROC 0x482

static uint64_t ticks[CACHED_PAGES];
static volatile unsigned wanted_page;

// What L2 runs. It ends by VMCALL, and again should it be resumed.

static void code_cpuid(void)
{
    for (;;)
        (void)cpuid(0);
}

static void code_measure_cpuid(void)
{
    for (unsigned run = 0; run < RUNS; run++) {
        const uint64_t start = tsc();
        (void)cpuid(0);
        ticks[run] = tsc() - start;
    }
    for (;;)
        (void)vmcall(0, 0);
}

// L0 intercepts this one whatever L1 says, and answers it.
static void code_measure_rdmsr(void)
{
    const uint64_t value = msr_read(MSR_FEATURE_CONTROL);
    for (unsigned run = 0; run < RUNS; run++) {
        const uint64_t start = tsc(), again = msr_read(MSR_FEATURE_CONTROL);
        ticks[run] = again == value ? tsc() - start : ~0ull;
    }
    for (;;)
        (void)vmcall(0, 0);
}

static uint64_t measure_touch(unsigned region, unsigned page)
{
    volatile uint64_t *place = (volatile uint64_t *)(uintptr_t)(WINDOW_LINEAR + region * LARGE_BYTES + page * PAGE_BYTES);
    const uint64_t start = tsc();
    const uint64_t value = *place;
    const uint64_t end = tsc();
    // Each page of the window holds its number.
    return value == page ? end - start : ~0ull;
}

static void code_touch_sparse(void)
{
    (void)measure_touch(SPARSE_FIRST, 0);  // what the first one costs besides
    for (unsigned i = 0; i < RUNS; i++)
        ticks[i] = measure_touch(SPARSE_FIRST + 1 + i, 0);
    for (;;)
        (void)vmcall(0, 0);
}

static void code_touch_dense(void)
{
    for (unsigned i = 0; i < DENSE_PAGES; i++)
        ticks[i] = measure_touch(DENSE_REGION, i);
    for (;;)
        (void)vmcall(0, 0);
}

static void code_touch_absent(void)
{
    for (unsigned i = 0; i < RUNS; i++)
        ticks[i] = measure_touch(ABSENT_FIRST + i, 0);
    for (;;)
        (void)vmcall(0, 0);
}

static uint64_t read_cached(unsigned page)
{
    return *(volatile uint64_t *)(uintptr_t)(WINDOW_LINEAR + CACHED_FIRST * LARGE_BYTES + page * PAGE_BYTES);
}

// Touches all, then, as often as it is resumed, one: VMCALL with what is in it.
static void code_touch_cached(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < CACHED_PAGES; i++)
        sum += read_cached(i);
    (void)vmcall(sum, 0);
    for (;;)
        (void)vmcall(read_cached(wanted_page), 0);
}

static void expect(enum exit_reason reason, enum exit_reason expected)
{
    if (reason != expected)
        console_error("unexpected exit of L2", reason);
}

static void check_ticks(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (ticks[i] == ~0ull)
            console_error("L2 reads wrong memory in page", i);
    }
}

// L1 only VMRESUMEs: measured in L1, from VMRESUME to the next instruction behind the exit; L2 stays at its CPUID.
// Then as a hypervisor does it: measured in L2, around CPUID, which L1 skips with 3 VMREADs and 1 VMWRITE.
void row_l2_cpuid(void)
{
    l2_start(code_cpuid);
    expect(l2_run(), EXIT_CPUID);
    const uint64_t rip = vmcs12_read(VMCS_GUEST_RIP);
    vmcs12_write(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vm_exit_to_round_trip);
    const struct stats_sum before = stats_read();
    l2_round_trips(ticks, RUNS);
    const struct stats_sum after = stats_read();
    expect((enum exit_reason)vmcs12_read(VMCS_EXIT_REASON), EXIT_CPUID);
    if (vmcs12_read(VMCS_GUEST_RIP) != rip)
        console_error("L2's RIP moved to", vmcs12_read(VMCS_GUEST_RIP));
    console_line("l2_cpuid_roundtrip", median(ticks, RUNS));
    if (after.exits > before.exits) {
        console_line("exits_per_roundtrip", (after.exits - before.exits) / RUNS);
        console_line("vmaccess_per_roundtrip", (after.accesses - before.accesses) / RUNS);
    }

    l2_start(code_measure_cpuid);
    enum exit_reason reason;
    unsigned exits = 0;
    while ((reason = l2_run()) == EXIT_CPUID) {
        l2_skip();
        exits++;
    }
    expect(reason, EXIT_VMCALL);
    if (exits != RUNS)
        console_error("exits of L2's CPUID", exits);
    console_line("l2_cpuid_skip", median(ticks, RUNS));
}

// L1 asks for no exit by RDMSR, on the whole.
void row_l2_resolved(void)
{
    const uint64_t controls = vmcs12_read(VMCS_PROC_CONTROLS);
    if (!(msr_read(MSR_VMX_PROC) >> 32 & PROC_USE_MSR_BITMAPS))
        return;
    vmcs12_write(VMCS_MSR_BITMAP, (uint64_t)(uintptr_t)memory_pages(1));
    vmcs12_write(VMCS_PROC_CONTROLS, controls | PROC_USE_MSR_BITMAPS);
    l2_start(code_measure_rdmsr);
    expect(l2_run(), EXIT_VMCALL);
    check_ticks(RUNS);
    console_line("l2_resolved_exit", median(ticks, RUNS));
    vmcs12_write(VMCS_PROC_CONTROLS, controls);
}

void row_ept02(void)
{
    uint64_t *page = memory_pages(DENSE_PAGES);
    const uint64_t physical = (uint64_t)(uintptr_t)page;
    for (unsigned i = 0; i < DENSE_PAGES; i++) {
        page[i * 512] = i;
        ept12_map(DENSE_REGION, i, physical + i * PAGE_BYTES);
    }
    for (unsigned i = 0; i <= RUNS; i++)
        ept12_map(SPARSE_FIRST + i, 0, physical);

    // Pages of which no other is near: what one EPT02 miss costs.
    l2_start(code_touch_sparse);
    expect(l2_run(), EXIT_VMCALL);
    check_ticks(RUNS);
    console_line("ept02_miss_4k", median(ticks, RUNS));

    // All pages of a table in order: what a page costs on average, with whatever is filled around a miss.
    l2_start(code_touch_dense);
    expect(l2_run(), EXIT_VMCALL);
    check_ticks(DENSE_PAGES);
    uint64_t sum = 0;
    for (unsigned i = 0; i < DENSE_PAGES; i++)
        sum += ticks[i];
    console_line("ept02_faultaround_per_page", sum / DENSE_PAGES);

    // Pages that EPT12 doesn't have: L1 maps each when L2 touches it. The tables are there already.
    for (unsigned i = 0; i < RUNS; i++)
        ept12_map(ABSENT_FIRST + i, 1, physical);
    l2_start(code_touch_absent);
    enum exit_reason reason;
    while ((reason = l2_run()) == EXIT_EPT_VIOLATION) {
        const uint64_t where = vmcs12_read(VMCS_GUEST_PHYSICAL_ADDR) - WINDOW_PHYSICAL;
        if (where / LARGE_BYTES >= WINDOW_REGIONS || where % LARGE_BYTES != 0)
            console_error("EPT violation at", where + WINDOW_PHYSICAL);
        ept12_map((unsigned)(where / LARGE_BYTES), 0, physical);
    }
    expect(reason, EXIT_VMCALL);
    check_ticks(RUNS);
    console_line("l2_ept_violation_by_l1", median(ticks, RUNS));
}

// L2 goes on behind its VMCALL, to the next; what that one says.
static uint64_t next_vmcall(void)
{
    l2_skip();
    expect(l2_run(), EXIT_VMCALL);
    return vm_gpr[0];
}

// So many pages are cached, and L1 gives L2 another page in the place of one: its INVEPT then. L2 must see the new page.
void row_invept(void)
{
    uint64_t *page = memory_pages(2);
    const uint64_t physical = (uint64_t)(uintptr_t)page, eptp = ept12_copy(vmcs12_read(VMCS_EPTP));
    page[512] = 1;
    vmcs12_write(VMCS_EPTP, eptp);  // with nothing else cached
    for (unsigned i = 0; i < CACHED_PAGES; i++)
        ept12_map(CACHED_FIRST + i / 512, i % 512, physical);
    l2_start(code_touch_cached);
    expect(l2_run(), EXIT_VMCALL);
    if (vm_gpr[0] != 0)
        console_error("L2 reads wrong memory, sum", vm_gpr[0]);
    for (unsigned run = 0; run < RUNS; run++) {
        wanted_page = run * 7;
        if (next_vmcall() != 0)
            console_error("L2 reads wrong memory in page", wanted_page);
        ept12_map(CACHED_FIRST + wanted_page / 512, wanted_page % 512, physical + PAGE_BYTES);
        const uint64_t start = tsc();
        const bool ok = invept(INVALIDATE_SINGLE, eptp);
        ticks[run] = tsc() - start;
        if (!ok || next_vmcall() != 1)
            console_error("INVEPT leaves the old page to L2, page", wanted_page);
    }
    console_line("invept_1_of_1000", median(ticks, RUNS));
}
