// SPDX-License-Identifier: BSD-2-Clause
// System calls with arguments in the outbox.

#include <caps/format.h>
#include <caps/ring.h>
#include <rt/call.h>
#include <rt/channel.h>
#include <rt/cpu.h>

#include "syscall.h"

enum status rt_invoke(void) { return (enum status)syscall_invoke(); }

enum status rt_fetch(uint32_t handle, uint64_t groups, uint32_t bank) { return (enum status)syscall_fetch(handle, groups, bank); }

enum status rt_call(uint32_t index, const uint64_t arg[MSG_ARGS], uint64_t result[MSG_ARGS])
{
    struct outbox *outbox = &rt_channel[rt_cpu()].channel.out.outbox;
    for (unsigned i = 0; i < MSG_ARGS; i++)
        outbox->call_arg[i] = arg[i];
    const enum status status = (enum status)syscall_call(index);
    for (unsigned i = 0; i < MSG_ARGS; i++)
        result[i] = status == STATUS_OK ? outbox->call_result[i] : 0;
    return status;
}

enum status rt_read_msr(uint32_t msr, uint64_t *value)
{
    const enum status status = (enum status)syscall_read_msr(msr);
    *value = status == STATUS_OK ? rt_channel[rt_cpu()].channel.out.outbox.call_result[0] : 0;
    return status;
}

void rt_log(enum log_level level, const char *format, ...)
{
    struct outbox *outbox = &rt_channel[rt_cpu()].channel.out.outbox;
    va_list arguments;
    va_start(arguments, format);
    const size_t bytes = format_list(outbox->text, OUTBOX_TEXT, format, arguments);
    va_end(arguments);
    syscall_log(level, bytes);
}
