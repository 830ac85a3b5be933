// SPDX-License-Identifier: BSD-2-Clause
// Tries the watchdog's counter on the CPU that runs this.
#include "counter.h"
#include "descriptor.h"
#include "msr.h"
#include "msr_guard.h"

#define COUNTER     (1ull << 34)  // in the registers of all counters (SDM 3B 20.2.2 "Architectural Performance Monitoring Version 2")
#define ALL_RINGS   0x300u        // of fixed counter 2, without an interrupt
#define TRY_TICKS   20000u

// Lets it run for a while from there. What it reads then, or ~0: a register faults.
static uint64_t run_from(uint64_t count)
{
    uint64_t read = 0;
    bool good = msr_try_write(MSR_FIXED_CTR2, count) && msr_try_read(MSR_FIXED_CTR2, &read) && read == count && msr_try_write(MSR_FIXED_CTR_CTRL, ALL_RINGS) &&
                msr_try_write(MSR_PERF_GLOBAL_CTRL, COUNTER);
    for (uint64_t since = tsc_read(); good && tsc_read() - since < TRY_TICKS;)
        __builtin_ia32_pause();
    good = msr_try_write(MSR_PERF_GLOBAL_CTRL, 0) && good;
    return good && msr_try_read(MSR_FIXED_CTR2, &read) ? read : ~0ull;
}

static bool overflow(bool *seen)
{
    uint64_t status = 0;
    bool good = msr_try_read(MSR_PERF_GLOBAL_STATUS, &status);
    *seen = status & COUNTER;
    return good;
}

// It goes on from where it is set, about as fast as time does, wraps to 0, says so, and forgets it when it is told to.
static bool behaves(uint64_t start, uint64_t last)
{
    bool before, after, cleared;
    const uint64_t later = run_from(start);
    if (later == ~0ull || later <= start || later - start < TRY_TICKS / 4 || !msr_try_write(MSR_PERF_GLOBAL_OVF_CTRL, COUNTER) || !overflow(&before))
        return false;
    const uint64_t wrapped = run_from(last);
    return wrapped < start && overflow(&after) && msr_try_write(MSR_PERF_GLOBAL_OVF_CTRL, COUNTER) && overflow(&cleared) && !before && after && !cleared;
}

bool counter_works(uint64_t start, uint64_t ticks)
{
    struct msr_guard guard;
    uint64_t enabled, control, count;
    msr_guard_begin(&guard);
    bool works = msr_read(MSR_APIC_BASE) & APIC_BASE_ENABLE && msr_try_read(MSR_PERF_GLOBAL_CTRL, &enabled) && msr_try_read(MSR_FIXED_CTR_CTRL, &control) &&
                 msr_try_read(MSR_FIXED_CTR2, &count);
    if (works) {
        works = msr_try_write(MSR_PERF_GLOBAL_CTRL, 0) && behaves(start, start + ticks - 1);
        (void)msr_try_write(MSR_PERF_GLOBAL_CTRL, 0);
        (void)msr_try_write(MSR_FIXED_CTR2, count);
        (void)msr_try_write(MSR_FIXED_CTR_CTRL, control);
        (void)msr_try_write(MSR_PERF_GLOBAL_CTRL, enabled);
    }
    msr_guard_end(&guard);
    return works;
}
