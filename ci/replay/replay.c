// SPDX-License-Identifier: BSD-2-Clause
// Replays a recording: the partition's own source, on the host, with sanitizers, gets what it got then, and must do what it did then.
//
//   replay FILE [ACCEPTED]
//
// With ACCEPTED other values are no difference: the recording with those that the partition has now goes there.
//
// Status 0: every reply is as recorded; 3: one isn't, or something else that the partition did; 2: no such recording; else the partition or a sanitizer ended
// it. gdb stops in replay_message(), before a
// message, and in replay_differs().

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <caps/cap.h>
#include <caps/exit_reason.h>
#include <caps/syscall.h>
#include <rt/channel.h>
#include <rt/message.h>
#include <rt/panic.h>
#include <rt/recording.h>
#include <rt/window.h>

#include "../../partitions/syscall.h"
#include "stream.h"

#define DIFFERS  3
#define RELOADED 77  // a process' status: the next segment is another's, whose memory is fresh

extern const struct partition_header header;
extern uint8_t rt_state_first[], rt_state_end[];  // replay.ld

union channel_place rt_channel[CPU_MAX];
struct info replay_info __asm__("rt_info_page");
const char rt_entry[1], rt_hang[1], rt_fixup_first[1], rt_fixup_last[1], rt_fixup_resume[1], rt_state_bytes[1];
uint32_t world_cpu;

// Kept over a reload: what the kernel keeps, and how far the recording is read.
static struct kept {
    struct stream stream;
    uint64_t messages, replies, cut;
    union channel_place channel[CPU_MAX];
    uint8_t state[];
} *kept;

static struct request *request_now;
static struct reply *reply_now;
static jmp_buf message_end;
static const char *doing = "a message";
static int accepted = -1;  // the file
static uint8_t *written;   // of its segment, so far
static size_t written_count, written_room;

// Where gdb stops, with the message before its partition has it, and where something differs.
void replay_message(uint64_t number, const struct request *req);
void replay_differs(const char *what);
__attribute__((noinline)) void replay_message(uint64_t number, const struct request *req) { __asm__ volatile("" : : "r"(number), "r"(req) : "memory"); }
__attribute__((noinline)) void replay_differs(const char *what) { __asm__ volatile("" : : "r"(what) : "memory"); }

static void where(FILE *out)
{
    const char *reason = request_now->kind == MSG_EXIT ? exit_reason_name(request_now->reason & EXIT_REASON_BASIC) : NULL;
    fprintf(out, "message %llu (CPU %u, sequence %u, %s%s%s)", (unsigned long long)kept->messages, world_cpu, request_now->sequence, msg_kind_name(request_now->kind),
            reason ? " " : "", reason ? reason : "");
}

__attribute__((format(printf, 1, 2))) static _Noreturn void differ(const char *format, ...)
{
    char text[240];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    where(stdout);
    printf(": %s\n", text);
    fflush(stdout);
    replay_differs(text);
    _Exit(DIFFERS);
}

static _Noreturn void refuse(const char *why)
{
    fprintf(stderr, "bulkhead: the recording can't be replayed: %s\n", why);
    _Exit(2);
}

static void write_word(uint64_t word)
{
    do {
        if (written_count == written_room)
            written = realloc(written, written_room = written_room * 2 + 4096);
        if (!written)
            refuse("there is not enough memory");
        written[written_count++] = (uint8_t)((word & 0x7f) | (word > 0x7f ? 0x80u : 0u));
        word >>= 7;
    } while (word != 0);
}

static void write_segment(void)
{
    const uint32_t count = (uint32_t)written_count;
    if (accepted >= 0 && (write(accepted, &count, sizeof(count)) != sizeof(count) || write(accepted, written, written_count) != (ssize_t)written_count))
        refuse("what is accepted can't be written");
}

// The segment ends within a message: the partition was stopped there.
static _Noreturn void cut_off(void)
{
    kept->cut++;
    longjmp(message_end, 2);
}

static uint64_t read_word(void)
{
    uint64_t word;
    if (!stream_read(&kept->stream, &word))
        cut_off();
    return word;
}

static uint64_t next(void)
{
    const uint64_t word = read_word();
    write_word(word);
    return word;
}

void recording_given(uint64_t *word) { *word = next(); }

void recording_made(uint64_t word)
{
    const uint64_t then = read_word();
    write_word(word);
    if (then != word && accepted < 0)
        differ("%s has 0x%llx, had 0x%llx", doing, (unsigned long long)word, (unsigned long long)then);
}

static const char *const item_name[RECORDING_KINDS] = {
    "nothing", "a load", "a message", "a reply", "SYS_INVOKE", "SYS_FETCH", "SYS_CALL", "SYS_READ_MSR", "a read of L1's memory", "a write of L1's memory",
    "a copy from L1's memory", "a copy to L1's memory", "a comparison with L1's memory", "a walk in L1's memory", "an exchange in L1's memory",
    "a look at tables in L1's memory", "a walk in L1's memory once more",
};

// The partition does that now.
static void begin(enum recording_item item)
{
    const uint64_t then = next();
    doing = item_name[item];
    if (then != item)
        differ("it does %s, had done %s", item_name[item], then < RECORDING_KINDS ? item_name[then] : "nothing known");
}

void rt_panic(const char *text)
{
    where(stdout);
    printf(": the partition panics: %s\n", text);
    fflush(stdout);
    abort();
}

void syscall_reply(void)
{
    begin(RECORDING_REPLY);
    recording_reply(reply_now);
    longjmp(message_end, 1);
}

uint64_t syscall_invoke(void)
{
    begin(RECORDING_INVOKE);
    recording_operations(reply_now);
    reply_now->op_count = 0;
    return next();
}

uint64_t syscall_fetch(uint64_t handle, uint64_t groups, uint64_t bank)
{
    begin(RECORDING_FETCH);
    recording_made(handle);
    recording_made(groups);
    recording_made(bank);
    const uint64_t status = next();
    recording_fields_given(request_now->field[bank], groups & ~GROUP_GPR);
    return status;
}

uint64_t syscall_call(uint64_t index)
{
    struct outbox *outbox = &rt_channel[world_cpu].channel.out.outbox;
    begin(RECORDING_CALL);
    recording_made(index);
    for (unsigned i = 0; i < MSG_ARGS; i++)
        recording_made(outbox->call_arg[i]);
    const uint64_t status = next();
    for (unsigned i = 0; i < MSG_ARGS; i++)
        outbox->call_result[i] = next();
    return status;
}

uint64_t syscall_read_msr(uint64_t msr)
{
    begin(RECORDING_MSR);
    recording_made(msr);
    const uint64_t status = next();
    rt_channel[world_cpu].channel.out.outbox.call_result[0] = next();
    return status;
}

uint64_t syscall_log(uint64_t level, uint64_t bytes)
{
    printf("log %llu: %.*s\n", (unsigned long long)level, (int)bytes, rt_channel[world_cpu].channel.out.outbox.text);
    return STATUS_OK;
}

static bool read_then(uint64_t bytes, uint64_t address, uint64_t *value)
{
    begin(RECORDING_READ);
    recording_made(bytes);
    recording_made(address);
    const bool there = next() != 0;
    *value = next();
    return there;
}

bool window_read64(uint64_t address, uint64_t *value)
{
    uint64_t then;
    const bool there = read_then(8, address, &then);
    if (there)
        *value = then;
    return there;
}

bool window_read32(uint64_t address, uint32_t *value)
{
    uint64_t then;
    const bool there = read_then(4, address, &then);
    if (there)
        *value = (uint32_t)then;
    return there;
}

static bool write_then(uint64_t bytes, uint64_t address, uint64_t value)
{
    begin(RECORDING_WRITE);
    recording_made(bytes);
    recording_made(address);
    recording_made(value);
    return next() != 0;
}

bool window_write64(uint64_t address, uint64_t value) { return write_then(8, address, value); }
bool window_write32(uint64_t address, uint32_t value) { return write_then(4, address, value); }

bool window_copy_in(void *to, uint64_t from, uint64_t bytes)
{
    begin(RECORDING_COPY_IN);
    recording_made(from);
    recording_made(bytes);
    const bool there = next() != 0;
    recording_bytes_given(to, bytes);
    return there;
}

bool window_copy_out(uint64_t to, const void *from, uint64_t bytes)
{
    begin(RECORDING_COPY_OUT);
    recording_made(to);
    recording_made(bytes);
    recording_bytes_made(from, bytes);
    return next() != 0;
}

bool window_compare(uint64_t address, const void *with, uint64_t qwords, uint64_t *equal)
{
    (void)with;
    begin(RECORDING_COMPARE);
    recording_made(address);
    recording_made(qwords);
    const bool there = next() != 0;
    const uint64_t then = next();
    if (there)
        *equal = then;
    return there;
}

bool window_walk(uint64_t top, uint64_t address, struct guest_path *path)
{
    begin(RECORDING_WALK);
    recording_made(top);
    recording_made(address);
    const bool there = next() != 0;
    recording_path(path);
    return there;
}

bool window_retrace(const struct guest_trail *trail)
{
    begin(RECORDING_RETRACE);
    recording_trail(trail);
    return next() != 0;
}

bool window_retrace_read64(uint64_t *value, uint64_t address, const struct guest_trail *trail)
{
    begin(RECORDING_RETRACE_READ);
    recording_trail(trail);
    recording_made(address);
    const bool there = next() != 0;
    const uint64_t read = next();
    if (there)
        *value = read;
    return there;
}

bool window_rerun(const struct guest_run *run)
{
    begin(RECORDING_RERUN);
    recording_run(run);
    return next() != 0;
}

static bool exchange_then(uint64_t bytes, uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found)
{
    begin(RECORDING_EXCHANGE);
    recording_made(bytes);
    recording_made(address);
    recording_made(expected);
    recording_made(desired);
    const bool there = next() != 0;
    *found = next();
    return there;
}

bool window_exchange64(uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found)
{
    uint64_t then;
    const bool there = exchange_then(8, address, expected, desired, &then);
    if (there)
        *found = then;
    return there;
}

bool window_exchange32(uint64_t address, uint32_t expected, uint32_t desired, uint32_t *found)
{
    uint64_t then;
    const bool there = exchange_then(4, address, expected, desired, &then);
    if (there)
        *found = (uint32_t)then;
    return there;
}

static void start(void)
{
    char name[CAP_NAME + 1] = "";
    if (next() != RECORDING_START || next() != RECORDING_VERSION)
        refuse("it is of another version");
    recording_bytes_given((uint8_t *)name, CAP_NAME);
    if (strcmp(name, header.name) != 0)
        refuse("it is another partition's");
    recording_bytes_given((uint8_t *)&replay_info, sizeof(replay_info));
    if (replay_info.abi != CAP_ABI || replay_info.cpu_count == 0 || replay_info.cpu_count > CPU_MAX)
        refuse("it is of another ABI");
    recording_channels(rt_channel, replay_info.cpu_count);
}

// One message, up to its reply. False: the segment ends before there is one.
static bool message(void)
{
    static volatile bool begun;  // kept by longjmp
    begun = false;
    static struct request nobody;
    request_now = &nobody;
    const int end = setjmp(message_end);
    if (end == 0) {
        if (next() != RECORDING_MESSAGE)
            refuse("it is damaged: there is no message where one should be");
        begun = true;
        kept->messages++;
        world_cpu = (uint32_t)next();
        if (world_cpu >= replay_info.cpu_count)
            refuse("it is damaged: there is no such CPU");
        struct request read = { 0 };
        const size_t before = kept->stream.at, written_before = written_count;
        recording_request(&read);
        kept->stream.at = before;
        written_count = written_before;
        request_now = &rt_channel[world_cpu].channel.request[ring_slot(read.sequence)].request;
        reply_now = &rt_channel[world_cpu].channel.reply[ring_slot(read.sequence)].reply;
        recording_request(request_now);
        request_now->cpu = world_cpu;
        if (request_now->attempt != 0)
            rt_channel[world_cpu].channel.out.outbox.applied = 0;  // the kernel has refused its last reply, if there was no reload
        replay_message(kept->messages, request_now);
        rt_message(world_cpu, request_now, 0, 0, reply_now);
    }
    if (end == 1) {
        kept->replies++;
        if (reply_now->set & SET_APPLIED)
            rt_channel[world_cpu].channel.out.outbox.applied = reply_now->sequence;
        return true;
    }
    kept->cut -= !begun;  // it ends between two messages
    return false;
}

// Everything up to the segment's end, in a process whose memory is as after a load; the state region is as the last one left it.
static int segment(bool first)
{
    const size_t state = (size_t)(rt_state_end - rt_state_first);
    if (!first)
        memcpy(rt_state_first, kept->state, state);
    memcpy(rt_channel, kept->channel, sizeof(rt_channel));
    if (setjmp(message_end))
        refuse("it ends before its first message");
    start();
    while (message())
        ;
    write_segment();
    memcpy(kept->state, rt_state_first, state);
    memcpy(kept->channel, rt_channel, sizeof(rt_channel));
    return RELOADED;
}

static int run(bool first)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        exit(segment(first));
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        refuse("no process can be started");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    struct stat stat;
    struct stream stream;
    const char *why;
    const int file = argc > 1 ? open(argv[1], O_RDONLY) : -1;
    if (file < 0 || fstat(file, &stat) != 0)
        refuse("there is no such file");
    const uint8_t *bytes = stat.st_size > 0 ? mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, file, 0) : (const uint8_t *)"";
    if (bytes == MAP_FAILED)
        refuse("it can't be read");
    if (!stream_open(&stream, bytes, (size_t)stat.st_size, &why))
        refuse(why);
    kept = mmap(NULL, sizeof(*kept) + (size_t)(rt_state_end - rt_state_first), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (kept == MAP_FAILED)
        refuse("there is not enough memory");
    kept->stream = stream;
    if (argc > 2) {
        accepted = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
        if (accepted < 0 || write(accepted, STREAM_MAGIC, STREAM_MAGIC_BYTES) != STREAM_MAGIC_BYTES)
            refuse("what is accepted can't be written");
    }
    uint64_t loads = 0;
    do {
        const int status = run(loads++ == 0);
        if (status != RELOADED)
            return status;
    } while (stream_next(&kept->stream, &why));
    if (why)
        refuse(why);
    printf("%llu messages, %llu replies as recorded, %llu messages cut off, %llu loads\n", (unsigned long long)kept->messages, (unsigned long long)kept->replies,
           (unsigned long long)kept->cut, (unsigned long long)loads);
    return kept->messages ? 0 : 2;
}
