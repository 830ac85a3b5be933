/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest must have computed, worked out again outside it. */
#include "expected.h"

#include <stddef.h>
#include <string.h>

#include "vm.h"

static uint64_t checksum_of(uint64_t vcpu, unsigned iterations)
{
    uint64_t sum = 0;
    for (uint64_t iteration = 0; iteration < iterations; iteration++) {
        for (unsigned pass = 0; pass < 3; pass++) {
            for (uint64_t page = 0; page < TOUCH_PAGES; page++) {
                int discarded = pass == 1 && page % 2;
                sum = sum * 31 + (discarded ? 0 : page_pattern(vcpu, iteration, page));
            }
        }
    }
    return sum;
}

static uint64_t window_sum_of(uint64_t vcpu, unsigned iterations)
{
    uint64_t sum = 0;
    for (unsigned round = 0; round < 2 * iterations; round++) {
        for (uint64_t page = 0; page < WINDOW_PAGES; page++) {
            sum = sum * 31 + window_pattern(vcpu, round % 2, page);
        }
    }
    return sum;
}

static uint64_t series_bits(void)
{
    double value = series_sum();
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

void expected_check(const struct vcpu *vcpu)
{
    const struct vm *vm = vcpu->vm;
    uint64_t n = vm->iterations;
    uint64_t cpuid = (uint64_t)CPUID_EAX + CPUID_EBX + vcpu->index + vm->vcpus;
    struct mailbox want = {
        .self = GUEST_MAILBOX + (uint64_t)vcpu->index * PAGE_BYTES,
        .real_mode_sum = REAL_MODE_SUM,
        .real_mode_interrupts = 1,
        .primes = PRIME_COUNT * n,
        .series = series_bits(),
        .cpuid_sum = CPUID_LOOPS * n * cpuid,
        .general_protections = 2 * n,
        .msis = n,
        .timers = n,
        .ipis = vm->vcpus > 1 ? n : 0,
        .checksum = checksum_of(vcpu->index, vm->iterations),
        .window_sum = window_sum_of(vcpu->index, vm->iterations),
    };
    struct mailbox have;
    memcpy(&have, vm->low + want.self, sizeof(have));
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
#define FIELD(name) { #name, offsetof(struct mailbox, name) }
        FIELD(self), FIELD(real_mode_sum), FIELD(real_mode_interrupts), FIELD(primes), FIELD(series),
        FIELD(cpuid_sum), FIELD(msr_errors), FIELD(general_protections), FIELD(msis), FIELD(timers), FIELD(ipis),
        FIELD(memory_errors), FIELD(checksum), FIELD(window_sum),
#undef FIELD
    };
    _Static_assert(sizeof(fields) / sizeof(fields[0]) == sizeof(struct mailbox) / sizeof(uint64_t), "a field is missing");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        uint64_t is, should;
        memcpy(&is, (const char *)&have + fields[i].offset, sizeof(is));
        memcpy(&should, (const char *)&want + fields[i].offset, sizeof(should));
        if (is != should) {
            fail("vcpu=%u %s=0x%llx expected=0x%llx", vcpu->index, fields[i].name, (unsigned long long)is,
                 (unsigned long long)should);
        }
    }
}
