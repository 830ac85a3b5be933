// SPDX-License-Identifier: BSD-2-Clause
// Channel: the request ring and the reply ring of one partition on one CPU, and its outbox.
//
// Single producer, single consumer each way, handed over synchronously: message n lies in slot n % RING_SLOTS of both
// rings and stays there until message n + RING_SLOTS overwrites it: the rings are the flight recorder.
#pragma once

#include <stddef.h>

#include <caps/addr.h>
#include <caps/debug.h>
#include <caps/layout.h>
#include <caps/msg.h>

#define RING_SLOTS  4
#define OUTBOX_TEXT 240

// What the partition says outside a reply: a call's arguments and results, a log line; where it stands while it is debugged. And what the kernel says of a reply.
struct outbox {
    uint64_t call_arg[MSG_ARGS];     // SYS_CALL: in
    uint64_t call_result[MSG_ARGS];  // SYS_CALL: out, valid where it returned STATUS_OK
    char text[OUTBOX_TEXT];          // SYS_LOG
    uint32_t applied;                // the last reply with SET_APPLIED that was: its sequence
    struct debug_stop stop;
};

union request_slot { struct request request; uint8_t page[PAGE_BYTES]; };
union reply_slot { struct reply reply; uint8_t page[PAGE_BYTES]; };
union outbox_slot { struct outbox outbox; uint8_t page[PAGE_BYTES]; };

struct channel {
    union request_slot request[RING_SLOTS];  // the partition reads
    union reply_slot reply[RING_SLOTS];      // the partition writes
    union outbox_slot out;
};
_Static_assert(sizeof(struct request) <= PAGE_BYTES, "a request fits its slot");
_Static_assert(sizeof(struct reply) <= PAGE_BYTES, "a reply fits its slot");
_Static_assert(sizeof(struct channel) <= CHANNEL_STRIDE, "a channel fits its place");

// The slot of message number sequence.
static inline uint32_t ring_slot(uint32_t sequence) { return sequence % RING_SLOTS; }
