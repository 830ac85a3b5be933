// SPDX-License-Identifier: BSD-2-Clause
// Spinlock. NMI handlers never take one; holders may be interrupted by NMIs, which serve shoot-downs and so never wait for a holder.
#pragma once

#include <stdint.h>

struct spinlock { uint32_t held; };

static inline void spinlock_acquire(struct spinlock *lock)
{
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
            __builtin_ia32_pause();
}

static inline void spinlock_release(struct spinlock *lock) { __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE); }
