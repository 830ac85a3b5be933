/* SPDX-License-Identifier: BSD-2-Clause */
/* What a small domain of Xen does: it computes, makes each kind of VM exit, checks what came of it, and says so in Xen's log. */
#include "domain.h"

#include "guest_compute.h"
#include "guest_insn.h"
#include "guest_interrupts.h"
#include "guest_segments.h"

#include "contract.h"
#include "xen.h"

enum {
    ROUNDS = 8,
    PAGES = 256,      /* of memory that is given back to Xen and taken again */
    FIRST_PAGE = 8 << 20 >> 12,
};

static struct gate idt[VECTOR_TIMER + 1];
static uint8_t hypercalls[PAGE_BYTES] __attribute__((aligned(4096)));
static uint64_t frames[PAGES];
static volatile uint64_t timers, general_protections;
static const char *domain_name;
static int domain_serial;

static void serial_put(uint8_t byte)
{
    while (!(port_read8(COM1 + COM_LINE_STATUS) & COM_EMPTY)) {
    }
    port_write8(COM1, byte);
}

void print(const char *text)
{
    for (; *text; text++) {
        port_write8(PORT_XEN_CONSOLE, (uint8_t)*text);
        if (domain_serial) {
            serial_put((uint8_t)*text);
        }
    }
}

void print_number(const char *name, uint64_t value)
{
    char text[24];
    unsigned at = sizeof(text) - 1;
    text[at] = '\0';
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    print(name);
    print(&text[at]);
}

static int64_t hypercall(enum hypercall number, uint64_t first, const void *second)
{
    int64_t (*code)(uint64_t, const void *) = (int64_t (*)(uint64_t, const void *))(uintptr_t)&hypercalls[number * HYPERCALL_BYTES];
    return code(first, second);
}

static void leave(uint32_t reason)
{
    hypercall(HYPERCALL_SCHEDULE, SCHEDULE_SHUTDOWN, &reason);
}

void check(int good, const char *what, uint64_t got)
{
    if (good) {
        return;
    }
    print(domain_name);
    print(": FAIL ");
    print(what);
    print_number(" got=", got);
    print("\n");
    leave(SHUTDOWN_CRASH);
}

__attribute__((interrupt)) static void on_timer(struct interrupt_frame *frame)
{
    (void)frame;
    timers++;
    lapic_write(LAPIC_EOI, 0);
}

/* Only RDMSR faults here. */
__attribute__((interrupt)) static void on_gp(struct interrupt_frame *frame, uint64_t error)
{
    (void)error;
    general_protections++;
    skip_msr_access(frame);
}

static void find_xen(void)
{
    struct cpuid xen = cpuid_read(CPUID_XEN);
    check(xen.ebx == 0x566e6558 && xen.ecx == 0x65584d4d && xen.edx == 0x4d4d566e, "this is not Xen", xen.ebx);
    msr_write(cpuid_read(CPUID_XEN_PAGES).ebx, (uint64_t)hypercalls);
    int64_t version = hypercall(HYPERCALL_VERSION, 0, 0);
    check((uint64_t)version == cpuid_read(CPUID_XEN_VERSION).eax, "the version by hypercall and by CPUID differ", (uint64_t)version);
}

/* The local APIC's timer ends HLT, as often as it is set. */
static void take_timer(uint64_t round)
{
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | 0xff);
    interrupts_off();
    timer_start(VECTOR_TIMER);
    while (timers < round) {
        halt_with_interrupts();
    }
    check(timers == round, "timer interrupts", timers);
}

static void check_msrs(uint64_t round)
{
    msr_write(MSR_PAT, 0x0007050600070106ULL);
    check(msr_read(MSR_PAT) == 0x0007050600070106ULL, "PAT", msr_read(MSR_PAT));
    msr_write(MSR_KERNEL_GS_BASE, 0xffff888012345678ULL);
    check(msr_read(MSR_KERNEL_GS_BASE) == 0xffff888012345678ULL, "IA32_KERNEL_GS_BASE", msr_read(MSR_KERNEL_GS_BASE));
    (void)msr_read(MSR_ABSENT);
    check(general_protections == round, "#GP of an absent MSR", general_protections);
}

static volatile uint64_t *page_at(unsigned page) { return (volatile uint64_t *)((FIRST_PAGE + (uint64_t)page) * PAGE_BYTES); }

/* Every second page goes back to Xen, which doesn't clear them, and others come in its place. */
static void exchange_pages(uint64_t round)
{
    unsigned count = 0;
    for (unsigned page = 0; page < PAGES; page++) {
        *page_at(page) = page_pattern(0, round, page);
        if (page % 2) {
            frames[count++] = FIRST_PAGE + page;
        }
    }
    const struct reservation some = { (uint64_t)frames, count, 0, 0, DOMAIN_SELF };
    int64_t done = hypercall(HYPERCALL_MEMORY, MEMORY_DECREASE, &some);
    check(done == count, "pages given back", (uint64_t)done);
    done = hypercall(HYPERCALL_MEMORY, MEMORY_POPULATE, &some);
    check(done == count, "pages taken again", (uint64_t)done);
    for (unsigned page = 1; page < PAGES; page += 2) {
        *page_at(page) = page_pattern(1, round, page);
    }
    for (unsigned page = 0; page < PAGES; page++) {
        check(*page_at(page) == page_pattern(page % 2, round, page), "a page's contents", *page_at(page));
    }
}

void domain_begin(const char *name, int serial)
{
    domain_name = name;
    domain_serial = serial;
    gate_set(&idt[VECTOR_GP], CODE64, (uint64_t)on_gp);
    gate_set(&idt[VECTOR_TIMER], CODE64, (uint64_t)on_timer);
    idt_load(idt, sizeof(idt) - 1);
    find_xen();
    print(name);
    print(": in 64-bit mode\n");
}

void domain_rounds(void)
{
    uint64_t primes = 0, series = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        primes += compute_primes();
        check_msrs(round);
        take_timer(round);
        series = compute_series();
        exchange_pages(round);
        uint32_t nothing = 0;
        check(hypercall(HYPERCALL_SCHEDULE, SCHEDULE_YIELD, &nothing) == 0, "yielding", round);
    }
    print(domain_name);
    print_number(": PASS primes=", primes);
    print_number(" series=", series);
    print_number(" timers=", timers);
    print_number(" pages=", PAGES * ROUNDS);
    print("\n");
}

void domain_end(void) { leave(SHUTDOWN_POWEROFF); }
