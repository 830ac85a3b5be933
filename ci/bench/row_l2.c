// SPDX-License-Identifier: BSD-2-Clause
// Rows of L2.

#include "console.h"
#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "median.h"
#include "memory.h"
#include "row.h"
#include "vmcs12.h"
#include "vmx_insn.h"

#define DENSE_PAGES 512  // one table of 4 KiB leaves
// The window's regions: one page each, all pages, none.
#define SPARSE_FIRST 0
#define DENSE_REGION 200
#define ABSENT_FIRST 300

static uint64_t ticks[DENSE_PAGES];

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
    l2_round_trips(ticks, RUNS);
    expect((enum exit_reason)vmcs12_read(VMCS_EXIT_REASON), EXIT_CPUID);
    if (vmcs12_read(VMCS_GUEST_RIP) != rip)
        console_error("L2's RIP moved to", vmcs12_read(VMCS_GUEST_RIP));
    console_line("l2_cpuid_roundtrip", median(ticks, RUNS));

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
    console_line("ept02_miss_4k_dense", sum / DENSE_PAGES);

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
    console_line("l2_ept_violation", median(ticks, RUNS));
}
