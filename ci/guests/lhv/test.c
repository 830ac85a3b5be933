// SPDX-License-Identifier: BSD-2-Clause
// Running tests, and their lines.

#include "test.h"
#include "cpu_insn.h"
#include "ept12.h"
#include "nmi.h"
#include "options.h"
#include "serial.h"
#include "trap.h"
#include "vmcs.h"
#include "vmx.h"

static volatile uint32_t line_lock;

static void line_begin(struct cpu *c, const char *verdict)
{
    while (__atomic_exchange_n(&line_lock, 1, __ATOMIC_ACQUIRE))
        cpu_relax();
    serial_text("lhv: ");
    serial_text(verdict);
    serial_text(" ");
    serial_text(c->theme);
    serial_text(".");
    serial_text(c->name);
    if (c->part) {
        serial_text(".");
        serial_text(c->part);
    }
    serial_text("@");
    serial_number(c->index, 10);
}

static void line_end(void)
{
    serial_text("\r\n");
    __atomic_store_n(&line_lock, 0, __ATOMIC_RELEASE);
}

static void number(const char *name, uint64_t value)
{
    serial_text(name);
    serial_number(value, 16);
}

_Noreturn void test_fail(const char *what, uint64_t got, uint64_t want)
{
    struct cpu *c = this_cpu();
    c->abandoned = true;
    c->what = what;
    c->got = got;
    c->want = want;
    test_leave();
}

_Noreturn void test_skip(const char *why)
{
    this_cpu()->skip_reason = why;
    test_leave();
}

void test_emulator(const char *why)
{
    if (!options.hardware)
        test_skip(why);
}

void test_emulator_first_cpu(void)
{
    if (this_cpu()->index != 0)
        test_emulator("emulator: other CPUs than the first take any field encoding, or end the run");
}

void expect(const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        test_fail(what, got, want);
}

void test_lost(uint64_t vector, uint64_t rip)
{
    struct cpu *c = this_cpu();
    if (!c->abandoned) {
        c->what = "exception at";
        c->got = vector;
        c->want = rip;
    }
    c->abandoned = true;
}

static void fresh(struct cpu *c)
{
    c->nmi_body = NULL;
    nmi_unblock();
    cpu_restore(c);
    cpu_vmx_off(c);
    cpu_restore(c);
    c->nmis = c->interrupt.count = c->l2_trap.count = c->caught.count = 0;
    c->l2_trap.vector = c->interrupt.vector = NO_VECTOR;
    for (unsigned i = 0; i < 1024; i++)
        c->data[i] = 0;
    for (unsigned i = 0; i < 512; i++)
        c->page_a[i] = c->page_b[i] = c->page_c[i] = 0;
    if (!cpu_vmx_on(c))
        test_fail("VMX is on", 0, 1);
    ept12_reset(c);
    vmcs_fresh(c);
}

static void fresh_and_run(uint64_t row)
{
    struct cpu *c = this_cpu();
    fresh(c);
    ((void (*)(uint64_t))(uintptr_t)c->job_argument)(row);
}

void test_row(const char *name, const char *part, void (*what)(uint64_t), uint64_t row)
{
    struct cpu *c = this_cpu();
    c->name = name;
    c->part = part;
    if (!options_wants(c->theme, name, part) || (++c->rows != c->pick && c->pick != 0))
        return;
    if (options.trace) {
        line_begin(c, "run");
        line_end();
    }
    c->abandoned = false;
    c->skip_reason = NULL;
    c->job_argument = CODE(what);
    test_call(fresh_and_run, row, c);
    c->catch_rip = 0;
    line_begin(c, c->abandoned ? "FAIL" : c->skip_reason ? "skip" : "ok");
    if (c->abandoned) {
        serial_text(" what=");
        serial_text(c->what);
        number(" got=0x", c->got);
        number(" want=0x", c->want);
        c->failed++;
    } else if (c->skip_reason) {
        serial_text(" ");
        serial_text(c->skip_reason);
        c->skipped++;
    } else {
        c->ran++;
    }
    line_end();
}

void test_themes(struct cpu *c)
{
    for (unsigned i = 0; themes[i] != NULL; i++) {
        c->theme = themes[i]->name;
        if (!themes[i]->pairs)
            themes[i]->run();
    }
}

void test_random(struct cpu *c)
{
    uint64_t state = options.seed * 0x9e3779b97f4a7c15 + c->index;
    c->rows = 0;
    c->pick = UINT64_MAX;
    test_themes(c);
    const uint64_t all = c->rows;
    for (uint64_t i = 0; i < options.random && all > 0; i++) {
        state = state * 6364136223846793005 + 1442695040888963407;
        c->rows = 0;
        c->pick = 1 + (state >> 33) % all;
        test_themes(c);
    }
    c->pick = 0;
}
