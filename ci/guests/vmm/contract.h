/* SPDX-License-Identifier: BSD-2-Clause */
/* What the test VMM and its guest agree on: memory, ports, the mailbox, and the patterns that both compute. */
#pragma once

#include <stdint.h>

enum {
    GUEST_BASE = 0x8000, /* the image; real mode starts at its first byte */
    GUEST_LOW_BYTES = 2 << 20,
    GUEST_MAX_VCPUS = 8,
    GUEST_MAILBOX = 0x100000, /* one struct mailbox a page */

    PAGE_BYTES = 4096,
    TOUCH_BASE = 0x1000000, /* each vCPU's pages, one block after the other */
    TOUCH_PAGES = 256,
    TOUCH_BYTES = TOUCH_PAGES * PAGE_BYTES,

    WINDOW_BASE = 0x4000000, /* each vCPU's window: the VMM shows one or the other of two buffers there */
    WINDOW_PAGES = 16,
    WINDOW_BYTES = WINDOW_PAGES * PAGE_BYTES,

    PORT_CONSOLE = 0x500,    /* OUT byte */
    PORT_COMMAND = 0x504,    /* OUT dword: enum command */
    PORT_ITERATIONS = 0x508, /* IN dword */
    PORT_VCPUS = 0x50c,      /* IN dword */

    VECTOR_MSI = 0x40,
    VECTOR_TIMER = 0x41,
    VECTOR_IPI = 0x42,

    CPUID_LEAF = 0x40000200,
    CPUID_EAX = 0x62756c6b,
    CPUID_EBX = 0x68656164,
    CPUID_LOOPS = 50,

    REAL_MODE_SUM = 5050,
    PRIME_LIMIT = 2000,
    PRIME_COUNT = 303,
};

enum command {
    COMMAND_INTERRUPT = 1, /* send this vCPU VECTOR_MSI */
    COMMAND_DISCARD,       /* give back the frames of this vCPU's odd pages: they read as zero afterwards */
    COMMAND_SWAP,          /* show the other buffer in the window */
    COMMAND_DONE,
};

/* Written by one vCPU, read by the VMM once that vCPU is done. */
struct mailbox {
    uint64_t self; /* its own address: GS:0 */
    uint64_t real_mode_sum;
    uint64_t real_mode_interrupts;
    uint64_t primes;
    uint64_t series; /* bits of a double */
    uint64_t cpuid_sum;
    uint64_t msr_errors;
    uint64_t general_protections;
    uint64_t msis;
    uint64_t timers;
    uint64_t ipis;
    uint64_t memory_errors;
    uint64_t checksum;
    uint64_t window_sum;
};

static inline uint64_t page_pattern(uint64_t vcpu, uint64_t iteration, uint64_t page)
{
    return (page + 1) * 0x9e3779b97f4a7c15ULL ^ vcpu << 32 ^ iteration;
}

static inline uint64_t window_pattern(uint64_t vcpu, uint64_t buffer, uint64_t page)
{
    return (page + 1) * 0xc2b2ae3d27d4eb4fULL ^ vcpu << 48 ^ buffer << 16;
}

/* Sum of 1/k^2: any lost bit of vector state shows in the last digits. */
static inline double series_sum(void)
{
    double sum = 0;
    for (int k = 1; k <= 1000; k++) {
        sum += 1.0 / ((double)k * (double)k);
    }
    return sum;
}
