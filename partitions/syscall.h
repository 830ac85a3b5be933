// SPDX-License-Identifier: BSD-2-Clause
// The system calls as functions (syscall.S); call.c, port.c, load.c and message.c are their only callers.
#pragma once

#include <stdint.h>

_Noreturn void syscall_reply(void);
uint64_t syscall_invoke(void);
uint64_t syscall_fetch(uint64_t handle, uint64_t groups, uint64_t bank);
uint64_t syscall_call(uint64_t index);
uint64_t syscall_log(uint64_t level, uint64_t bytes);
uint64_t syscall_read_msr(uint64_t msr);
uint64_t syscall_port(uint64_t number, uint64_t write, uint64_t value);
uint64_t syscall_load(uint64_t partition, uint64_t on);
