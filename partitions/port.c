// SPDX-License-Identifier: BSD-2-Clause
// System calls for gdb's port.

#include <rt/channel.h>
#include <rt/cpu.h>
#include <rt/port.h>

#include "syscall.h"

uint8_t rt_port_read(uint32_t number)
{
    syscall_port(number, 0, 0);
    return (uint8_t)rt_channel[rt_cpu()].channel.out.outbox.call_result[0];
}

void rt_port_write(uint32_t number, uint8_t value) { syscall_port(number, 1, value); }
