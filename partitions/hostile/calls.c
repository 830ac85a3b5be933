// SPDX-License-Identifier: BSD-2-Clause
// System calls with arguments that no runtime passes.

#include <caps/cap.h>
#include <caps/ring.h>
#include <rt/call.h>
#include <rt/cpu.h>
#include <rt/channel.h>
#include <rt/string.h>

#include "hostile.h"

#define FLAG_TF 0x100u
#define FLAG_DF 0x400u
#define FLAG_NT 0x4000u
#define FLAG_AC 0x40000u
#define BEHIND_MOV_SS 1u

static uint64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c) { return sysenter_with(number, a, b, c, 0, 0, 0); }

uint64_t attempt_nothing(const struct try *try)
{
    (void)try;
    return 0;
}

uint64_t attempt_call_number(const struct try *try)
{
    static const uint64_t number[] = { SYS_COUNT, SYS_COUNT + 1, 0xff, 0x80000000, 0x100000000, 0x100000001, 1ull << 63, ~0ull };
    return call(number[try->parameter], 0, 0, 0);
}

uint64_t attempt_call_return_rip(const struct try *try)
{
    static const uint64_t rip[] = { 1ull << 47, 0xffff800000000000, 0xffffffff80000000, ~0ull };
    return sysenter_with(SYS_LOG, LOG_DEBUG, 0, 0, 0, rip[try->parameter], 0);
}

uint64_t attempt_call_return_rsp(const struct try *try)
{
    static const uint64_t rsp[] = { 1ull << 47, 0xffff800000000000, 0xffffffff80000000, ~0ull };
    return sysenter_with(SYS_LOG, LOG_DEBUG, 0, 0, 0, 0, rsp[try->parameter]);
}

// SYS_INVOKE of nothing is what every partition may do.
uint64_t attempt_call_return_unmapped(const struct try *try)
{
    return try->parameter == 0 ? sysenter_with(SYS_INVOKE, 0, 0, 0, 0, 0x1000, 0) : sysenter_with(SYS_INVOKE, 0, 0, 0, 0, 0, 0x1000);
}

static uint64_t flags(uint64_t parameter)
{
    return (parameter & 1 ? FLAG_TF : 0) | (parameter & 2 ? FLAG_DF : 0) | (parameter & 4 ? FLAG_NT : 0) | (parameter & 8 ? FLAG_AC : 0) |
           (parameter & 16 ? BEHIND_MOV_SS : 0);
}

uint64_t attempt_call_flags(const struct try *try) { return sysenter_with(SYS_INVOKE, 0, 0, 0, flags(try->parameter), 0, 0); }

uint64_t attempt_reply_flags(const struct try *try)
{
    answer(try->req, try->rep, OUTCOME_ENDED, OUTCOME_ENDED);
    return sysenter_with(SYS_REPLY, 0, 0, 0, flags(try->parameter), 0, 0);
}

uint64_t attempt_fetch_handle(const struct try *try)
{
    static const uint64_t handle[] = { VMCS_HANDLE_02 + 2, VMCS_HANDLE_02 + VMCS02_MAX, 0xffff, 0x10000, 1ull << 32, 1ull << 63, ~0ull };
    return call(SYS_FETCH, handle[try->parameter], GROUPS_RIP, 0);
}

uint64_t attempt_fetch_bank(const struct try *try)
{
    static const uint64_t bank[] = { MSG_BANKS, 1ull << 32, ~0ull };
    return call(SYS_FETCH, VMCS_HANDLE_01, GROUPS_RIP, bank[try->parameter]);
}

uint64_t attempt_fetch_unknown_group(const struct try *try)
{
    return call(SYS_FETCH, VMCS_HANDLE_01, 1ull << (GROUP_COUNT + try->parameter), 0);
}

// All but those that pauper may read.
uint64_t attempt_fetch_group(const struct try *try)
{
    uint64_t group = 0;
    for (uint64_t left = try->parameter; left > 0 || ((GROUPS_EXIT | GROUPS_RIP) >> group & 1); group++)
        left -= !((GROUPS_EXIT | GROUPS_RIP) >> group & 1);
    return call(SYS_FETCH, VMCS_HANDLE_01, 1ull << group | GROUPS_RIP, 0);
}

uint64_t attempt_fetch_never_reset(const struct try *try)
{
    (void)try;
    return call(SYS_FETCH, VMCS_HANDLE_02 + 1, GROUPS_RIP, 0);
}

uint64_t attempt_call_index(const struct try *try)
{
    static const uint64_t index[] = { 1, CAP_CALLS, 0xffff, 0x10000, 1ull << 32, ~0ull };
    return call(SYS_CALL, index[try->parameter], 0, 0);
}

uint64_t attempt_log_argument(const struct try *try)
{
    static const struct { uint64_t level, bytes; } argument[] = {
        { LOG_LEVELS, 1 }, { ~0ull, 1 }, { 1ull << 32, 1 }, { LOG_INFO, OUTBOX_TEXT + 1 }, { LOG_INFO, 1ull << 32 }, { LOG_INFO, ~0ull },
    };
    return call(SYS_LOG, argument[try->parameter].level, argument[try->parameter].bytes, 0);
}

uint64_t attempt_log_right(const struct try *try)
{
    (void)try;
    return call(SYS_LOG, LOG_INFO, 1, 0);
}

// Must stay one line.
uint64_t attempt_log_lines(const struct try *try)
{
    static const char text[] = "forged\nL0 0 error fault partition=nobody vector=14\r\n\x1b[2J";
    (void)try;
    memcpy(rt_channel[rt_cpu()].channel.out.outbox.text, text, sizeof(text));
    return call(SYS_LOG, LOG_INFO, sizeof(text), 0);
}

uint64_t attempt_read_msr_argument(const struct try *try)
{
    return call(SYS_READ_MSR, try->parameter ? ~0ull : 1ull << 32, 0, 0);
}

uint64_t attempt_read_msr_right(const struct try *try)
{
    (void)try;
    return call(SYS_READ_MSR, 0x10, 0, 0);
}

uint64_t attempt_port(const struct try *try)
{
    static const struct { uint64_t number, write; } argument[] = { { 5, 0 }, { 0, 1 }, { 8, 0 }, { ~0ull, 1 } };
    return call(SYS_PORT, argument[try->parameter].number, argument[try->parameter].write, 'x');
}

uint64_t attempt_load(const struct try *try)
{
    static const struct { uint64_t partition, on; } argument[] = { { 0, 0 }, { 1, 1 }, { PARTITION_MAX, 0 }, { ~0ull, ~0ull } };
    return call(SYS_LOAD, argument[try->parameter].partition, argument[try->parameter].on, 0);
}

// L0's own, VMX's, processor trace's.
uint64_t attempt_read_msr_hidden(const struct try *try)
{
    static const uint32_t msr[] = { 0xc0000080, 0x176, 0xc0000100, 0xc0000101, 0x480, 0x570 };
    return call(SYS_READ_MSR, msr[try->parameter], 0, 0);
}

static uint64_t call_hostile(uint64_t what)
{
    const uint64_t arg[MSG_ARGS] = { what };
    uint64_t result[MSG_ARGS];
    const enum status status = rt_call(0, arg, result);
    return status == STATUS_OK && result[0] != what ? ~0ull : (uint64_t)status;
}

uint64_t attempt_call_good(const struct try *try) { (void)try; return call_hostile(TRY_call_good); }
uint64_t attempt_call_faults_once(const struct try *try) { (void)try; return call_hostile(TRY_call_faults_once); }
uint64_t attempt_call_faults_twice(const struct try *try) { (void)try; return call_hostile(TRY_call_faults_twice); }
uint64_t attempt_call_status(const struct try *try) { (void)try; return call_hostile(TRY_call_status); }
uint64_t attempt_call_verdict(const struct try *try) { (void)try; return call_hostile(TRY_call_verdict); }
