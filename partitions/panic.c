// SPDX-License-Identifier: BSD-2-Clause
// The partition's own end.

#include <rt/call.h>
#include <rt/panic.h>

void rt_panic(const char *text)
{
    rt_log(LOG_ERROR, "panic: %s", text);
    __builtin_trap();
}
