// SPDX-License-Identifier: BSD-2-Clause
// Kinds of faults to inject (inject.def).
#pragma once

#include <stddef.h>
#include <stdint.h>

enum inject_kind {
    INJECT_NONE,
#define INJECT(name, word) INJECT_##name,
#include <caps/inject.def>
#undef INJECT
    INJECT_KINDS
};
#define INJECT_ON_REQUEST INJECT_HANG

// Its word, or NULL: there is no such kind.
static inline const char *inject_kind_name(uint32_t kind)
{
    static const char *const name[INJECT_KINDS] = {
#define INJECT(name, word) [INJECT_##name] = word,
#include <caps/inject.def>
#undef INJECT
    };
    return kind < INJECT_KINDS ? name[kind] : NULL;
}
