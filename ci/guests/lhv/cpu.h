// SPDX-License-Identifier: BSD-2-Clause
// What each CPU has for itself. L1 and its L2 both find it at GS:0.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_MAX   8
#define VMCS_MAX  4
#define REGIONS   130
#define NO_VECTOR 0xffffffffull
#define PAL_PAGES 6

struct trap { uint64_t vector, error, rip, rflags, cr2, rsp, cs, count; };

// What the last VM entry came to.
struct exit {
    int failed;       // 0: an exit; else an outcome (vmx.h)
    uint32_t reason;  // VMCS field, all 32 bits; ~0 if failed
};

struct cpu {
    struct cpu *self;      // trap.S and l2.S know the offsets of these
    uint64_t catch_rip;    // an exception in L1 goes on there
    uint64_t l1_rsp;
    uint64_t abort_rsp;
    uint64_t gpr[16];      // L2's, numbered as in instructions; [4] isn't used (RSP is a VMCS field)
    uint32_t index, apic_id;

    // The running test.
    const char *theme, *name, *part;
    uint64_t ran, failed, skipped;
    uint64_t rows, pick;   // tests that were come by; the only one of them that runs (0: all do)
    bool abandoned;
    const char *skip_reason, *what;
    uint64_t got, want;

    struct trap caught;    // L1's last exception, caught
    struct trap l2_trap;   // L2's last event through its IDT
    struct trap interrupt; // L1's last external interrupt
    uint64_t nmis;         // that L1 has taken
    void (*volatile nmi_body)(uint64_t);  // what L1's next NMI handler calls
    uint64_t nmi_argument;
    struct exit exit;
    bool launched, vmx_on;
    unsigned current;      // index of the current VMCS

    uint64_t gdt[12];
    uint8_t task[0x68];
    // Pages; physical address = address.
    uint64_t *page_root;
    uint32_t *vmxon_region, *vmcs[VMCS_MAX];
    uint32_t *regions[REGIONS];  // for VMCSs of a test that takes many
    uint8_t *l2_stack, *exit_stack, *fault_stack, *stack;  // their ends
    uint8_t *low;          // below 1 MiB, for real mode
    uint64_t *ept_root, *ept_regions, *ept_table;
    uint64_t *data;        // two pages for tests, zero when a test starts
    uint8_t *pal;          // PAL_PAGES of them (pal.c)
    uint64_t *page_a, *page_b, *page_c;  // bitmaps, lists, tables: zero when a test starts

    // What a test of two CPUs tells the other.
    void (*volatile job)(uint64_t);
    volatile uint64_t job_argument, job_done;
};
_Static_assert(offsetof(struct cpu, catch_rip) == 8 && offsetof(struct cpu, l1_rsp) == 16 && offsetof(struct cpu, abort_rsp) == 24 &&
               offsetof(struct cpu, gpr) == 32, "as in trap.S, l2.S and vmx.h");

extern struct cpu cpus[CPU_MAX];
extern unsigned cpu_count;

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(c));
    return c;
}

static inline uint64_t address(const volatile void *p) { return (uint64_t)(uintptr_t)p; }
// A function's, even if gcc thinks that it knows better.
#define CODE(f) ((uint64_t)(uintptr_t)(f))

// Memory of all CPUs: low is below 1 MiB. Before any CPU is started.
void cpu_prepare(unsigned index, uint32_t apic_id, uint8_t *low);
// This CPU gets its own descriptor tables and page tables; interrupts are off.
void cpu_start(struct cpu *c);
// Registers of L1 that tests change, as cpu_start left them.
void cpu_restore(struct cpu *c);
// VMX on. false: no VMX, or locked off.
bool cpu_vmx_on(struct cpu *c);
void cpu_vmx_off(struct cpu *c);
