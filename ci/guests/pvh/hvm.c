/* SPDX-License-Identifier: BSD-2-Clause */
/* An HVM domain of Xen: it was started by its BIOS, has a device model, and may have several CPUs. */
#include "domain.h"

#include "contract.h"
#include "guest_compute.h"
#include "guest_insn.h"
#include "guest_interrupts.h"
#include "guest_segments.h"
#include "xen.h"

enum {
    MAX_CPUS = 8,
    WAKES = 4,
    START_PAGE = 8,      /* of start in hvm_start.S */
    TO_OTHERS = 0xc4000, /* ICR: to all but the sender, edge, assert (SDM 3A 10.6.1) */
    ICR_INIT = 0x500,
    ICR_START = 0x600,
};

struct other {
    uint64_t primes, series;
};

static struct other others[MAX_CPUS];
static struct gate idt[VECTOR_IPI + 1];
static uint64_t ready, woken;

__attribute__((interrupt)) static void on_wake(struct interrupt_frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    lapic_write(LAPIC_EOI, 0);
}

static void wait_for(const uint64_t *counter, uint64_t value)
{
    while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < value) {
        spin_pause();
    }
}

_Noreturn static void other_cpu(uint64_t number)
{
    others[number].primes = compute_primes();
    others[number].series = compute_series();
    idt_load(idt, sizeof(idt) - 1);
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | 0xff);
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        halt_with_interrupts();
    }
}

/* As Xen's loader of the BIOS has found it. */
static uint32_t count_cpus(void)
{
    const struct hvm_info *info = (const struct hvm_info *)HVM_INFO;
    check(info->signature == HVM_INFO_SIGNATURE, "Xen's page of information", info->signature);
    check(info->cpus >= 1 && info->cpus <= MAX_CPUS, "CPUs", info->cpus);
    return info->cpus;
}

static void check_host_bridge(void)
{
    port_write32(PCI_ADDRESS, PCI_ENABLE);
    uint32_t found = port_read32(PCI_DATA);
    check(found == HOST_BRIDGE, "the device model's host bridge", found);
}

void hvm_main(uint64_t number);

void hvm_main(uint64_t number)
{
    if (number > 0) {
        other_cpu(number);
    }
    domain_begin("hvm", 1);
    check_host_bridge();
    const uint32_t cpus = count_cpus();
    gate_set(&idt[VECTOR_IPI], CODE64, (uint64_t)on_wake);
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | 0xff);
    lapic_write(LAPIC_ICR_LOW, TO_OTHERS | ICR_INIT);
    lapic_write(LAPIC_ICR_LOW, TO_OTHERS | ICR_START | START_PAGE);
    domain_rounds(); /* while the others compute */
    wait_for(&ready, cpus - 1);
    for (uint64_t wake = 1; wake <= WAKES; wake++) {
        lapic_write(LAPIC_ICR_LOW, TO_OTHERS | VECTOR_IPI);
        wait_for(&woken, wake * (cpus - 1));
    }
    for (uint32_t cpu = 1; cpu < cpus; cpu++) {
        check(others[cpu].primes == PRIME_COUNT, "another CPU's primes", others[cpu].primes);
        check(others[cpu].series == others[1].series, "another CPU's series", others[cpu].series);
    }
    print_number("hvm: CPUs=", cpus);
    print_number(" wakes=", woken);
    print("\n");
    domain_end();
}
