// SPDX-License-Identifier: BSD-2-Clause
// L1's other CPUs, while a message is handled.
#include "meanwhile.h"

#include <stdbool.h>

#include "check.h"
#include "harness.h"

static struct { uint64_t gpa1, value; unsigned after; bool armed, always, other, goes; } change;
static unsigned steps, steps_most;
static bool inside;

void meanwhile_arm(struct input *input, const uint64_t *pages, unsigned count)
{
    const uint64_t how = take(input, 1);
    change.after = (unsigned)take(input, 1) % 64;
    change.gpa1 = pages[take_below(input, count)] + (how & 8 ? take(input, 1) % 64 : take(input, 2) % 512) * 8;
    change.always = how & 1;
    change.other = how & 32;
    change.goes = (how & 6) == 6;
    change.value = how & 16 ? take(input, 8) : take(input, 1);
    change.armed = true;
}

void meanwhile_begin(unsigned most)
{
    steps = 0;
    steps_most = most;
    inside = true;
}

void meanwhile_end(void)
{
    inside = false;
    change.armed = false;
}

void meanwhile_step(void)
{
    if (!inside)
        return;
    CHECK(++steps <= steps_most);
    if (!change.armed || steps <= change.after)
        return;
    if (change.goes) {
        world_mapped[change.gpa1 / PAGE_BYTES] = false;
    } else {  // to and fro, or another value each time, where it goes on
        uint64_t *word = world_at(change.gpa1);
        *word ^= change.value;
        if (change.other)
            change.value = change.value << 1 | change.value >> 63;
    }
    change.armed = change.always;
}

#define WRAP(type, name, parameters, ...)  \
    type __real_##name parameters;         \
    type __wrap_##name parameters;         \
    type __wrap_##name parameters          \
    {                                      \
        meanwhile_step();                  \
        return __real_##name(__VA_ARGS__); \
    }
#ifndef MODEL_READS  // where a test's model has wrapped these
WRAP(bool, window_read64, (uint64_t address, uint64_t *value), address, value)
bool __real_window_copy_in(void *to, uint64_t from, uint64_t bytes);
bool __wrap_window_copy_in(void *to, uint64_t from, uint64_t bytes);
bool __wrap_window_copy_in(void *to, uint64_t from, uint64_t bytes)
{
    meanwhile_step();
    const uint64_t half = bytes / 2;  // it may change in the midst of it
    if (half == 0)
        return __real_window_copy_in(to, from, bytes);
    const bool there = __real_window_copy_in(to, from, half);
    meanwhile_step();
    return there && __real_window_copy_in((char *)to + half, from + half, bytes - half);
}
#endif
WRAP(bool, window_read32, (uint64_t address, uint32_t *value), address, value)
WRAP(bool, window_write64, (uint64_t address, uint64_t value), address, value)
WRAP(bool, window_write32, (uint64_t address, uint32_t value), address, value)
WRAP(bool, window_copy_out, (uint64_t to, const void *from, uint64_t bytes), to, from, bytes)
WRAP(bool, window_compare, (uint64_t address, const void *with, uint64_t qwords, uint64_t *equal), address, with, qwords, equal)
WRAP(bool, window_exchange64, (uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found), address, expected, desired, found)
WRAP(bool, window_exchange32, (uint64_t address, uint32_t expected, uint32_t desired, uint32_t *found), address, expected, desired, found)
WRAP(uint64_t, syscall_invoke, (void))
