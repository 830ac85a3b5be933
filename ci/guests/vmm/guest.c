/* SPDX-License-Identifier: BSD-2-Clause */
/* The test VMM's guest in 64-bit mode: makes every kind of VM exit that a small guest makes, and leaves its results
 * in the mailbox. */
#include "contract.h"
#include "guest_compute.h"
#include "guest_insn.h"
#include "guest_interrupts.h"
#include "guest_segments.h"

static struct gate idt[GUEST_MAX_VCPUS][VECTOR_IPI + 1];
static uint32_t vcpus_arrived;

static volatile struct mailbox *mailbox(void)
{
    return (volatile struct mailbox *)gs_self();
}

__attribute__((interrupt)) static void on_msi(struct interrupt_frame *frame)
{
    (void)frame;
    mailbox()->msis++;
    lapic_write(LAPIC_EOI, 0);
}

__attribute__((interrupt)) static void on_timer(struct interrupt_frame *frame)
{
    (void)frame;
    mailbox()->timers++;
    lapic_write(LAPIC_EOI, 0);
}

__attribute__((interrupt)) static void on_ipi(struct interrupt_frame *frame)
{
    (void)frame;
    mailbox()->ipis++;
    lapic_write(LAPIC_EOI, 0);
}

/* Only RDMSR and WRMSR fault here. */
__attribute__((interrupt)) static void on_gp(struct interrupt_frame *frame, uint64_t error)
{
    (void)error;
    mailbox()->general_protections++;
    skip_msr_access(frame);
}

static void print(const char *text)
{
    for (; *text; text++) {
        port_write8(PORT_CONSOLE, (uint8_t)*text);
    }
}

static void wait_for(volatile uint64_t *counter, uint64_t value)
{
    interrupts_off();
    while (*counter < value) {
        halt_with_interrupts();
    }
    interrupts_on();
}

/* Before each iteration: an IPI to a local APIC that is still off would be lost, and two in a row would merge. */
static void rendezvous(uint32_t arrivals)
{
    __atomic_add_fetch(&vcpus_arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&vcpus_arrived, __ATOMIC_SEQ_CST) < arrivals) {
        spin_pause();
    }
}

static void test_cpuid(volatile struct mailbox *box)
{
    for (unsigned i = 0; i < CPUID_LOOPS; i++) {
        struct cpuid r = cpuid_read(CPUID_LEAF);
        box->cpuid_sum += (uint64_t)r.eax + r.ebx + r.ecx + r.edx;
    }
}

static void msr_check(volatile struct mailbox *box, uint32_t msr, uint64_t value)
{
    uint64_t before = msr_read(msr);
    msr_write(msr, value);
    if (msr_read(msr) != value) {
        box->msr_errors++;
    }
    msr_write(msr, before);
    if (msr_read(msr) != before) {
        box->msr_errors++;
    }
}

static void test_msr(volatile struct mailbox *box)
{
    msr_check(box, MSR_PAT, 0x0007050600070106ULL);
    msr_check(box, MSR_SYSENTER_EIP, 0xffffffff81234560ULL);
    msr_check(box, MSR_KERNEL_GS_BASE, 0xffff888012345678ULL);
    (void)msr_read(MSR_ABSENT);
    msr_write(MSR_ABSENT, 0);
}

static void test_interrupts(volatile struct mailbox *box, uint64_t index, uint32_t vcpus, uint64_t round)
{
    port_write32(PORT_COMMAND, COMMAND_INTERRUPT);
    wait_for(&box->msis, round);

    timer_start(VECTOR_TIMER);
    wait_for(&box->timers, round);

    if (vcpus > 1) {
        lapic_write(LAPIC_ICR_HIGH, (uint32_t)((index + 1) % vcpus) << 24);
        lapic_write(LAPIC_ICR_LOW, VECTOR_IPI);
        wait_for(&box->ipis, round);
    }
}

static volatile uint64_t *page_word(uint64_t base, uint64_t page, uint64_t word)
{
    return (volatile uint64_t *)(base + page * PAGE_BYTES + word * sizeof(uint64_t));
}

static void pages_write(uint64_t base, uint64_t index, uint64_t iteration, unsigned step)
{
    for (unsigned page = step - 1; page < TOUCH_PAGES; page += step) {
        uint64_t value = page_pattern(index, iteration, page);
        *page_word(base, page, page % 512) = value;
        *page_word(base, page, 511 - page % 512) = ~value;
    }
}

static void pages_check(volatile struct mailbox *box, uint64_t base, uint64_t index, uint64_t iteration, int discarded)
{
    for (unsigned page = 0; page < TOUCH_PAGES; page++) {
        uint64_t first = *page_word(base, page, page % 512);
        uint64_t second = *page_word(base, page, 511 - page % 512);
        uint64_t value = page_pattern(index, iteration, page);
        if (discarded && page % 2) {
            if (first || second) {
                box->memory_errors++;
            }
        } else if (first != value || second != ~value) {
            box->memory_errors++;
        }
        box->checksum = box->checksum * 31 + first;
    }
}

static void test_memory(volatile struct mailbox *box, uint64_t index, uint64_t iteration)
{
    uint64_t base = TOUCH_BASE + index * TOUCH_BYTES;
    pages_write(base, index, iteration, 1);
    pages_check(box, base, index, iteration, 0);
    port_write32(PORT_COMMAND, COMMAND_DISCARD);
    pages_check(box, base, index, iteration, 1);
    pages_write(base, index, iteration, 2);
    pages_check(box, base, index, iteration, 0);
}

static void test_window(volatile struct mailbox *box, uint64_t index)
{
    for (unsigned swap = 0; swap < 2; swap++) {
        for (unsigned page = 0; page < WINDOW_PAGES; page++) {
            box->window_sum = box->window_sum * 31 + *page_word(WINDOW_BASE + index * WINDOW_BYTES, page, 7);
        }
        port_write32(PORT_COMMAND, COMMAND_SWAP);
    }
}

void guest_main(uint64_t index, volatile struct mailbox *box);

void guest_main(uint64_t index, volatile struct mailbox *box)
{
    uint32_t iterations = port_read32(PORT_ITERATIONS);
    uint32_t vcpus = port_read32(PORT_VCPUS);

    msr_write(MSR_GS_BASE, (uint64_t)box);
    gate_set(&idt[index][VECTOR_GP], CODE64, (uint64_t)on_gp);
    gate_set(&idt[index][VECTOR_MSI], CODE64, (uint64_t)on_msi);
    gate_set(&idt[index][VECTOR_TIMER], CODE64, (uint64_t)on_timer);
    gate_set(&idt[index][VECTOR_IPI], CODE64, (uint64_t)on_ipi);
    idt_load(idt[index], sizeof(idt[index]) - 1);
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | 0xff);
    interrupts_on();
    print("64-bit mode\n");

    for (uint32_t iteration = 0; iteration < iterations; iteration++) {
        rendezvous(vcpus * (iteration + 1));
        box->primes += compute_primes();
        test_cpuid(box);
        test_msr(box);
        test_interrupts(box, index, vcpus, iteration + 1);
        box->series = compute_series();
        test_memory(box, index, iteration);
        test_window(box, index);
    }
    print("done\n");
    interrupts_off();
    port_write32(PORT_COMMAND, COMMAND_DONE);
}
