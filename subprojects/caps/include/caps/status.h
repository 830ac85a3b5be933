// SPDX-License-Identifier: BSD-2-Clause
// enum status: how an operation ended. Generated from status.def.
#pragma once

enum status {
#define STATUS(name, text) STATUS_##name,
#include <caps/status.def>
#undef STATUS
    STATUS_COUNT
};
_Static_assert(STATUS_COUNT <= 16, "a status is one of at most 16");

#define NODISCARD __attribute__((warn_unused_result))

// Passes an error on to the caller.
#define TRY(expression)                        \
    do {                                       \
        enum status try_status = (expression); \
        if (try_status != STATUS_OK)           \
            return try_status;                 \
    } while (0)

// The status' text, for the log. Never NULL.
static inline const char *status_text(enum status status)
{
    static const char *const text[STATUS_COUNT] = {
#define STATUS(name, text) text,
#include <caps/status.def>
#undef STATUS
    };
    return status < STATUS_COUNT ? text[status] : "unknown status";
}
