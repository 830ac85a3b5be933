// SPDX-License-Identifier: BSD-2-Clause
// For a partition that is recorded: the runtime's assembly gets these names, its own are the recorder's (recorder.c). Included by the compiler's command line.
#pragma once
#define rt_message        recorder_message
#define syscall_reply     real_syscall_reply
#define syscall_invoke    real_syscall_invoke
#define syscall_fetch     real_syscall_fetch
#define syscall_call      real_syscall_call
#define syscall_read_msr  real_syscall_read_msr
#define window_read64     real_window_read64
#define window_read32     real_window_read32
#define window_write64    real_window_write64
#define window_write32    real_window_write32
#define window_copy_in    real_window_copy_in
#define window_copy_out   real_window_copy_out
#define window_compare    real_window_compare
#define window_walk       real_window_walk
#define window_retrace    real_window_retrace
#define window_rerun      real_window_rerun
#define window_retrace_read64 real_window_retrace_read64
#define window_exchange64 real_window_exchange64
#define window_exchange32 real_window_exchange32
