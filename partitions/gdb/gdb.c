// SPDX-License-Identifier: BSD-2-Clause
// gdb: debugs another partition, the one that the configuration names, for who sits at the serial line. It stops where an exception stops the debugged one, and
// is told of every exit before that one is: gdb on the line gets its turn then.
#include <stddef.h>

#include <rt/call.h>
#include <rt/channel.h>
#include <rt/partition.h>

#include "command.h"
#include "debugged.h"
#include "line.h"

const struct partition_header header PARTITION_SECTION = {
    PARTITION("gdb"),
    .rights = RIGHT_DEBUG | RIGHT_LOG,
    .vmcs = {
        [VMCS_KIND_01] = { .read = (1ull << GROUP_COUNT) - 1 },
        [VMCS_KIND_SHADOW] = { .read = (1ull << GROUP_COUNT) - 1 },
    },
    .routes = { OBSERVE(L1, 0), OBSERVE(L2, 0) },
};

enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_UD = 6, VECTOR_GP = 13 };
#define INTERRUPT  3     // Ctrl-C
#define INT3       0xcc
#define INT3_ERROR (3u << 3 | 2)  // of the #GP that INT3 is for ring 3: the gate's
#define SYSENTER   0x340f
#define TF         (1ull << 8)
#define LOOK_BYTES 64    // at one exit: whatever the line sends, L1 goes on

// Who has the line owns all of it.
static uint32_t owner;             // CPU's number + 1; 0: nobody. Kept over a single step
static bool stepping, attached;    // attached: gdb has asked for something
static bool awaited;               // it waits for a stop
static struct packet packet;
static struct watches watches;
static struct { uint64_t at; bool there; uint8_t byte; } call;  // a breakpoint of our own, where messages enter: gdb calls

static bool try_take(uint32_t me)
{
    uint32_t nobody = 0;
    return __atomic_compare_exchange_n(&owner, &nobody, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void release(void) { __atomic_store_n(&owner, 0, __ATOMIC_RELEASE); }

static bool is_int3(uint64_t address)
{
    uint8_t byte;
    return debugged_read(address, &byte, 1) && byte == INT3;
}

// Has the debugged partition stop at its next message. It may be gdb's breakpoint already.
static void call_begin(void)
{
    static const uint8_t int3 = INT3;
    call.there = debugged_read(IMAGE_BASE + offsetof(struct partition_header, entry), &call.at, sizeof(call.at)) &&
                 debugged_read(call.at, &call.byte, 1) && debugged_write(call.at, &int3, 1);
}

// A reload may have taken it away.
static bool call_pending(void) { return call.there && is_int3(call.at); }

static void call_end(void)
{
    if (call_pending())
        debugged_write(call.at, &call.byte, 1);
    call.there = false;
}

// An exit. gdb begins a packet, or interrupts: anything else that comes meanwhile, as the '+' behind its last packet, is nothing to stop for.
static void look(uint32_t me)
{
    if (__atomic_load_n(&owner, __ATOMIC_RELAXED) == me) {  // the message that was stepped through has ended
        stepping = false;
        call_begin();
        release();
    }
    if (!try_take(me))
        return;
    uint8_t byte;
    for (unsigned i = 0; i < LOOK_BYTES && !call_pending() && line_take(&byte); i++) {
        if (byte == '$')
            awaited = false;  // another gdb: who waits for a stop only interrupts
        if (byte == '$' || byte == INTERRUPT)
            call_begin();
        (void)packet_take(&packet, byte);
    }
    release();
}

// Until gdb lets the partition go on.
static enum next talk(const struct command *command)
{
    for (;;) {
        switch (packet_take(&packet, line_get())) {
        case PACKET_WHOLE: {
            line_put('+');
            attached = true;
            const enum next next = command_do(command, packet.text);
            if (next == NEXT_STAY || next == NEXT_LEAVE)
                line_answer(packet.text);
            if (next != NEXT_STAY)
                return next;
            break;
        }
        case PACKET_DAMAGED: line_put('-'); break;
        default: break;
        }
    }
}

// A step into SYS_REPLY ends nowhere: the next message is where it is gone on.
static bool at_reply(const struct debug_stop *at)
{
    uint16_t code;
    return at->gpr[GPR_RAX] == 0 && debugged_read(at->rip, &code, sizeof(code)) && code == SYSENTER;
}

static enum signal signal_of(uint64_t vector) { return vector == VECTOR_DE ? SIGNAL_FPE : vector == VECTOR_UD ? SIGNAL_ILL : SIGNAL_SEGV; }

// It stands still, and gdb's turn has come. true: it goes on.
static bool stopped(const struct command *command, bool stepped)
{
    struct debug_stop *at = command->at;
    const bool trap = at->vector == VECTOR_DB, breakpoint = at->vector == VECTOR_GP && at->error == INT3_ERROR;
    const unsigned hits = trap ? at->dr6 & 15 : 0;
    if (breakpoint ? !is_int3(at->rip) : trap && hits == 0 && !stepped)
        return true;  // another CPU was here meanwhile, and it isn't there any more
    const bool called = breakpoint && call.there && at->rip == call.at && call.byte != INT3;
    if (!attached && !called)
        return false;
    call_end();
    at->rip += breakpoint && !called;  // as behind INT3
    if (awaited) {
        command_stopped(command, called ? SIGNAL_INT : trap || breakpoint ? SIGNAL_TRAP : signal_of(at->vector), hits, packet.text);
        line_answer(packet.text);
    }
    const enum next next = talk(command);
    awaited = next != NEXT_LEAVE;
    stepping = next == NEXT_STEP && !at_reply(at);
    if (next == NEXT_STEP && !stepping)
        call_begin();
    if (next == NEXT_LEAVE) {
        watches.how = 0;
        attached = false;
    }
    at->rflags = stepping ? at->rflags | TF : at->rflags & ~TF;
    return trap || breakpoint || (next != NEXT_DELIVER && next != NEXT_LEAVE);
}

// An exception of the debugged one.
static void stop(const struct request *req, struct reply *rep)
{
    const uint32_t me = req->cpu + 1;
    const uint64_t place = CHANNEL_BASE + req->cpu * CHANNEL_STRIDE + offsetof(struct channel, out.outbox.stop);
    struct debug_stop at;
    rep->arg[0] = DEBUG_DELIVER;
    if (!debugged_read(place, &at, sizeof(at)))
        return;
    const bool stepped = __atomic_load_n(&owner, __ATOMIC_RELAXED) == me && stepping;
    while (!stepped && !try_take(me))
        __builtin_ia32_pause();
    const struct command command = { &at, req, &watches };
    stepping = false;
    if (stopped(&command, stepped) && debugged_write(place, &at, sizeof(at)))
        rep->arg[0] = DEBUG_GO;
    for (unsigned i = 0; i < DEBUG_WATCHES; i++)
        rep->arg[1 + i] = watches.address[i];
    rep->arg[1 + DEBUG_WATCHES] = watches.how;
    if (!stepping)
        release();
}
_Static_assert(1 + DEBUG_WATCHES + 1 <= MSG_ARGS, "an answer holds them all");

void partition_message(const struct request *req, struct reply *rep)
{
    char name[CAP_NAME] = { 0 };
    if (req->kind == MSG_EXIT)
        look(req->cpu + 1);
    else if (req->kind == MSG_CALL)
        stop(req, rep);
    else if (req->kind == MSG_INIT && debugged_read(IMAGE_BASE + offsetof(struct partition_header, name), name, sizeof(name) - 1))
        rt_log(LOG_INFO, "debugs %s", name);
}
