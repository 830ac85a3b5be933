// SPDX-License-Identifier: BSD-2-Clause
// What a partition is linked with that is to be recorded: between its runtime and the instructions that reach the kernel and L1's memory.
//
// The recording leaves by the log, as lines of base64: the kernel has no part in it, and whatever carries the log carries recordings. One message is
// handled at a time, on whatever CPU, so that their order is that of what they do to the partition's memory. An item is written when it is over: what the
// partition did not survive is not in the recording, but is what a replay does next.

#include <rt/call.h>
#include <rt/channel.h>
#include <rt/cpu.h>
#include <rt/info.h>
#include <rt/message.h>
#include <rt/partition.h>
#include <rt/recording.h>
#include <rt/window.h>

#include "../syscall.h"

#define LINE_BYTES 144u  // of the recording: 192 characters

// Assembled under these names (real.h).
_Noreturn void real_syscall_reply(void);
__typeof__(syscall_invoke) real_syscall_invoke;
__typeof__(syscall_fetch) real_syscall_fetch;
__typeof__(syscall_call) real_syscall_call;
__typeof__(syscall_read_msr) real_syscall_read_msr;
__typeof__(window_read64) real_window_read64;
__typeof__(window_read32) real_window_read32;
__typeof__(window_write64) real_window_write64;
__typeof__(window_write32) real_window_write32;
__typeof__(window_copy_in) real_window_copy_in;
__typeof__(window_copy_out) real_window_copy_out;
__typeof__(window_compare) real_window_compare;
__typeof__(window_walk) real_window_walk;
__typeof__(window_retrace) real_window_retrace;
__typeof__(window_retrace_read64) real_window_retrace_read64;
__typeof__(window_rerun) real_window_rerun;
__typeof__(window_exchange64) real_window_exchange64;
__typeof__(window_exchange32) real_window_exchange32;
_Noreturn void recorder_message(uint32_t cpu, const struct request *req, uint64_t rdx, uint64_t rcx, struct reply *rep);

extern const struct partition_header header;

// What waits for its line's end: a fault doesn't take it away.
STATE static struct {
    union { uint64_t both; struct { uint32_t line, used; }; };
    uint8_t bytes[LINE_BYTES];
} pending;
// Whoever holds the lock handles a message. A reload frees it, and has the start recorded.
static struct state_lock lock;
static bool started;
static struct request *request_now;
static struct reply *reply_now;

// A reply whose operations are to be applied before another CPU goes on (SET_APPLIED). Until they are only its own CPU comes in, with the same message once more where
// the kernel has refused it: so the partition doesn't come to wait for it in the midst of another message, with the lock held.
static struct { bool waits; uint32_t cpu, sequence; } left;

static bool settled(uint32_t cpu)
{
    return !left.waits || left.cpu == cpu || __atomic_load_n(&rt_channel[left.cpu].channel.out.outbox.applied, __ATOMIC_ACQUIRE) == left.sequence;
}

// first: of what follows a load of the image.
static void flush(bool first)
{
    static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[LINE_BYTES / 3 * 4 + 1];
    unsigned length = 0;
    if (pending.used == 0)
        return;
    for (unsigned i = 0; i < pending.used; i += 3) {
        const unsigned bytes = pending.used - i < 3 ? pending.used - i : 3;
        const uint32_t bits = (uint32_t)pending.bytes[i] << 16 | (bytes > 1 ? (uint32_t)pending.bytes[i + 1] << 8 : 0) | (bytes > 2 ? pending.bytes[i + 2] : 0u);
        for (unsigned k = 0; k < 4; k++)
            text[length++] = k <= bytes ? letter[bits >> (18 - 6 * k) & 63] : '=';
    }
    text[length] = '\0';
    rt_log(LOG_INFO, "recording %u %s%s", pending.line, first ? ":" : "", text);
    // Who is stopped in between has the line written again after the reload, under the same number.
    __atomic_store_n(&pending.both, pending.line + 1, __ATOMIC_SEQ_CST);
}

static void put(uint64_t word)
{
    do {
        pending.bytes[pending.used++] = (uint8_t)((word & 0x7f) | (word > 0x7f ? 0x80u : 0u));
        word >>= 7;
        if (pending.used == LINE_BYTES)
            flush(false);
    } while (word != 0);
}

static void put_words(const uint64_t *word, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        put(word[i]);
}

// An item's words, in this order.
#define PUT(...) put_words((const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

void recording_given(uint64_t *word) { put(*word); }
void recording_made(uint64_t word) { put(word); }

// A line of its own: before it an item may have been cut off.
static void put_start(void)
{
    flush(false);
    PUT(RECORDING_START, RECORDING_VERSION);
    flush(true);
    recording_bytes_made((const uint8_t *)header.name, CAP_NAME);
    recording_bytes_made((const uint8_t *)info, sizeof(*info));
    recording_channels(rt_channel, info->cpu_count);
}

void recorder_message(uint32_t cpu, const struct request *req, uint64_t rdx, uint64_t rcx, struct reply *rep)
{
    state_lock(&lock);
    while (!settled(cpu)) {
        state_unlock(&lock);
        __builtin_ia32_pause();
        state_lock(&lock);
    }
    left.waits = false;
    request_now = (struct request *)(uintptr_t)req;
    reply_now = rep;
    if (!started)
        put_start();
    started = true;
    PUT(RECORDING_MESSAGE, cpu);
    recording_request(request_now);
    rt_message(cpu, req, rdx, rcx, rep);
}

void syscall_reply(void)
{
    put(RECORDING_REPLY);
    recording_reply(reply_now);
    flush(false);
    left.waits = reply_now->set & SET_APPLIED;
    left.cpu = rt_cpu();
    left.sequence = reply_now->sequence;
    state_unlock(&lock);
    real_syscall_reply();
}

uint64_t syscall_invoke(void)
{
    const uint16_t count = reply_now->op_count;
    const uint64_t status = real_syscall_invoke();
    put(RECORDING_INVOKE);
    reply_now->op_count = count;
    recording_operations(reply_now);
    reply_now->op_count = 0;
    put(status);
    return status;
}

uint64_t syscall_fetch(uint64_t handle, uint64_t groups, uint64_t bank)
{
    const uint64_t status = real_syscall_fetch(handle, groups, bank);
    PUT(RECORDING_FETCH, handle, groups, bank, status);
    recording_fields_given(request_now->field[bank], groups & ~GROUP_GPR);
    return status;
}

uint64_t syscall_call(uint64_t index)
{
    struct outbox *outbox = &rt_channel[rt_cpu()].channel.out.outbox;
    const uint64_t status = real_syscall_call(index);
    PUT(RECORDING_CALL, index);
    put_words(outbox->call_arg, MSG_ARGS);
    put(status);
    put_words(outbox->call_result, MSG_ARGS);
    return status;
}

uint64_t syscall_read_msr(uint64_t msr)
{
    const uint64_t status = real_syscall_read_msr(msr);
    PUT(RECORDING_MSR, msr, status, rt_channel[rt_cpu()].channel.out.outbox.call_result[0]);
    return status;
}

static bool put_read(uint64_t bytes, uint64_t address, bool there, uint64_t value)
{
    PUT(RECORDING_READ, bytes, address, there, there ? value : 0);
    return there;
}

bool window_read64(uint64_t address, uint64_t *value)
{
    const bool there = real_window_read64(address, value);
    return put_read(8, address, there, there ? *value : 0);
}

bool window_read32(uint64_t address, uint32_t *value)
{
    const bool there = real_window_read32(address, value);
    return put_read(4, address, there, there ? *value : 0);
}

static bool put_write(uint64_t bytes, uint64_t address, uint64_t value, bool there)
{
    PUT(RECORDING_WRITE, bytes, address, value, there);
    return there;
}

bool window_write64(uint64_t address, uint64_t value) { return put_write(8, address, value, real_window_write64(address, value)); }
bool window_write32(uint64_t address, uint32_t value) { return put_write(4, address, value, real_window_write32(address, value)); }

bool window_copy_in(void *to, uint64_t from, uint64_t bytes)
{
    const bool there = real_window_copy_in(to, from, bytes);
    PUT(RECORDING_COPY_IN, from, bytes, there);
    recording_bytes_given(to, bytes);
    return there;
}

bool window_copy_out(uint64_t to, const void *from, uint64_t bytes)
{
    const bool there = real_window_copy_out(to, from, bytes);
    PUT(RECORDING_COPY_OUT, to, bytes);
    recording_bytes_made(from, bytes);
    put(there);
    return there;
}

bool window_compare(uint64_t address, const void *with, uint64_t qwords, uint64_t *equal)
{
    const bool there = real_window_compare(address, with, qwords, equal);
    PUT(RECORDING_COMPARE, address, qwords, there, there ? *equal : 0);
    return there;
}

bool window_walk(uint64_t top, uint64_t address, struct guest_path *path)
{
    const bool there = real_window_walk(top, address, path);
    PUT(RECORDING_WALK, top, address, there);
    recording_path(path);
    return there;
}

bool window_retrace(const struct guest_trail *trail)
{
    const bool holds = real_window_retrace(trail);
    put(RECORDING_RETRACE);
    recording_trail(trail);
    put(holds);
    return holds;
}

bool window_retrace_read64(uint64_t *value, uint64_t address, const struct guest_trail *trail)
{
    const bool there = real_window_retrace_read64(value, address, trail);
    put(RECORDING_RETRACE_READ);
    recording_trail(trail);
    recording_made(address);
    put(there);
    put(there ? *value : 0);
    return there;
}

bool window_rerun(const struct guest_run *run)
{
    const bool holds = real_window_rerun(run);
    put(RECORDING_RERUN);
    recording_run(run);
    put(holds);
    return holds;
}

static bool put_exchange(uint64_t bytes, uint64_t address, uint64_t expected, uint64_t desired, bool there, uint64_t found)
{
    PUT(RECORDING_EXCHANGE, bytes, address, expected, desired, there, there ? found : 0);
    return there;
}

bool window_exchange64(uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found)
{
    const bool there = real_window_exchange64(address, expected, desired, found);
    return put_exchange(8, address, expected, desired, there, there ? *found : 0);
}

bool window_exchange32(uint64_t address, uint32_t expected, uint32_t desired, uint32_t *found)
{
    const bool there = real_window_exchange32(address, expected, desired, found);
    return put_exchange(4, address, expected, desired, there, there ? *found : 0);
}
