// SPDX-License-Identifier: BSD-2-Clause
// Rows of PALs: a page each of code, data, stack and parameters.

#include <trustvisor/vmcall.h>

#include "console.h"
#include "measure.h"
#include "memory.h"
#include "pal_hash.h"
#include "row.h"
#include "timer.h"
#include "user_insn.h"

#define PAGES        4u
#define SPIN         10000u  // instructions are twice as many
#define TIMER_TICKS  12000u  // when the PAL runs, and long before it is done

extern const uint8_t pal_code_empty[], pal_code_spin[], pal_code_end[];

static uint32_t level;   // what hypercalls' numbers begin with: 0, or TV_CALL_L2_OFFSET
static struct tv_sections sections;
static struct tv_params params;
static uint8_t *pages;

static void pal_build(void)
{
    static const uint32_t type[PAGES] = { TV_SECTION_CODE, TV_SECTION_DATA, TV_SECTION_STACK, TV_SECTION_PARAM };
    pages = memory_pages(PAGES);
    for (const uint8_t *from = pal_code_empty; from < pal_code_end; from++)
        pages[from - pal_code_empty] = *from;
    sections.count = PAGES;
    for (unsigned i = 0; i < PAGES; i++)
        sections.section[i] = (struct tv_section){ type[i], 1, (uint64_t)(uintptr_t)pages + i * PAGE_BYTES };
}

static uint64_t entry_of(const uint8_t *code) { return (uint64_t)(uintptr_t)pages + (uint64_t)(code - pal_code_empty); }

static void pal_register(const uint8_t *code)
{
    const uint64_t result = tv_vmcall(level + TV_CALL_REGISTER, (uintptr_t)&sections, 0, (uintptr_t)&params, entry_of(code));
    if (result != TV_OK)
        console_error("a registration returns", result);
}

static void pal_unregister(const uint8_t *code)
{
    const uint64_t result = tv_vmcall(level + TV_CALL_UNREGISTER, entry_of(code), 0, 0, 0);
    if (result != TV_OK)
        console_error("the end of a registration returns", result);
}

static void row_registration(void)
{
    uint64_t begin[RUNS], end[RUNS];
    for (unsigned run = 0; run < RUNS; run++) {
        const uint64_t start = tsc();
        pal_register(pal_code_empty);
        const uint64_t middle = tsc();
        pal_unregister(pal_code_empty);
        begin[run] = middle - start;
        end[run] = tsc() - middle;
    }
    console_line("pal_register_4p", median(begin, RUNS));
    console_line("pal_unregister", median(end, RUNS));
    MEASURE("pal_hash_4p", pal_hash(&sections));
}

static void row_call(const char *name)
{
    void (*pal)(void) = (void (*)(void))entry_of(pal_code_empty);
    pal_register(pal_code_empty);
    pal();
    MEASURE(name, pal());
    if (*(volatile uint64_t *)(pages + PAGE_BYTES) != ~0ull)
        console_error("a PAL's memory can be read", *(volatile uint64_t *)(pages + PAGE_BYTES));
    pal();
    pal_unregister(pal_code_empty);
    if (*(volatile uint64_t *)(pages + PAGE_BYTES) != 0)
        console_error("a PAL's memory isn't zeroed", *(volatile uint64_t *)(pages + PAGE_BYTES));
}

// How long after its time the interrupt is handled, while that code runs.
static uint64_t latency(void (*spin)(uint64_t))
{
    uint64_t ticks[RUNS];
    for (unsigned run = 0; run < RUNS; run++) {
        timer_seen = 0;
        const uint64_t start = tsc();
        timer_start(TIMER_TICKS);
        spin(SPIN);
        if (timer_seen == 0)
            console_error("no interrupt came in", tsc() - start);
        ticks[run] = timer_seen - start;
    }
    return median(ticks, RUNS);
}

static void row_latency(void)
{
    const uint64_t plain = latency((void (*)(uint64_t))(uintptr_t)pal_code_spin);
    params.count = 1;
    params.param[0] = (struct tv_param){ TV_PARAM_INTEGER, 0, 1 };
    pal_register(pal_code_spin);
    const uint64_t isolated = latency((void (*)(uint64_t))entry_of(pal_code_spin));
    pal_unregister(pal_code_spin);
    params.count = 0;
    if (plain > TIMER_TICKS * 2)
        console_error("the timer is late by", plain);
    console_line("pal_interrupt_latency", isolated - plain);
}

static bool found(void)
{
    uint32_t present, flags;
    (void)tv_cpuid(level, &present, &flags);
    return present;
}

void row_pal_l2(void)
{
    level = TV_CALL_L2_OFFSET;
    if (!found())
        console_error("no trustvisor for L2", level);
    pal_build();
    interrupts_on();
    row_call("pal_call_l2");
    level = 0;
}

void row_pal(void)
{
    pal_build();
    if (!found()) {
        MEASURE("pal_hash_4p", pal_hash(&sections));
        return;
    }
    interrupts_on();
    row_registration();
    row_call("pal_call_l1");
    row_latency();
}
