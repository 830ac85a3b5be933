// SPDX-License-Identifier: BSD-2-Clause
// A recording: all that a partition was given, and all that it answered, in order. The recorder (partitions/recorder) writes it, ci/replay reads it: both
// by the functions here, so that they agree on the form.
//
// It is a sequence of numbers, in 7-bit groups, lowest first, bit 7 set in all but the last (LEB128). Each item begins with its kind. What follows each load
// of the image is a segment; an item at its end may be cut off, where the partition was stopped.
#pragma once

#include <caps/ept_map.h>
#include <caps/info.h>
#include <rt/channel.h>
#include <rt/guest.h>

#define RECORDING_VERSION 2u  // another one wherever an item has another number, or other words

enum recording_item {
    RECORDING_NOTHING,
    RECORDING_START,     // a segment's first: version, name, info page, what all channels hold of requests
    RECORDING_MESSAGE,   // CPU, request
    RECORDING_REPLY,     // the reply: the message is done
    RECORDING_INVOKE,    // operations, status
    RECORDING_FETCH,     // handle, groups, bank, status, fields
    RECORDING_CALL,      // index, arguments, status, results
    RECORDING_MSR,       // MSR, status, value
    RECORDING_READ,      // bytes (4, 8), address, whether it is there, value
    RECORDING_WRITE,     // bytes, address, value, whether it is there
    RECORDING_COPY_IN,   // address, bytes, whether all is there, what the copy holds then
    RECORDING_COPY_OUT,  // address, bytes, what, whether all is there
    RECORDING_COMPARE,   // address, qwords, whether all is there, how many are equal
    RECORDING_WALK,      // top, address, whether all of it is there, path
    RECORDING_EXCHANGE,  // bytes, address, expected, desired, whether it is there, what was found
    RECORDING_RETRACE,   // trail, whether it holds
    RECORDING_RERUN,     // run, whether it holds
    RECORDING_RETRACE_READ, // trail, address, whether it holds and that is there, value
    RECORDING_KINDS
};

// What the partition is given: recorded from *word; replayed into it.
void recording_given(uint64_t *word);
// What it makes: recorded; compared with what was recorded.
void recording_made(uint64_t word);

// Members that may not be written here: requests, while they are recorded.
#define RECORDING_GIVEN(member)                        \
    do {                                               \
        uint64_t word_ = (uint64_t)(member);           \
        recording_given(&word_);                       \
        if (word_ != (uint64_t)(member))               \
            (member) = (__typeof__(member))word_;      \
    } while (0)

static inline void recording_fields_given(uint64_t field[VMCS_FIELD_COUNT], uint64_t groups)
{
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (groups >> vmcs_field_info[i].group & 1)
            RECORDING_GIVEN(field[i]);
}

static inline void recording_request(struct request *request)
{
    RECORDING_GIVEN(request->sequence);
    RECORDING_GIVEN(request->what);
    RECORDING_GIVEN(request->reason);
    RECORDING_GIVEN(request->from);
    RECORDING_GIVEN(request->vmcs02);
    RECORDING_GIVEN(request->groups);
    RECORDING_GIVEN(request->groups_shadow);
    RECORDING_GIVEN(request->tag);
    RECORDING_GIVEN(request->root);
    for (unsigned i = 0; (request->kind != MSG_EXIT || (request->flags & REQUEST_FORWARDED)) && i < MSG_ARGS; i++)
        RECORDING_GIVEN(request->arg[i]);
    for (unsigned i = 0; (request->groups & GROUP_GPR) && i < GPR_COUNT; i++)
        RECORDING_GIVEN(request->gpr[i]);
    recording_fields_given(request->field[0], request->groups & ~GROUP_GPR);
    recording_fields_given(request->field[1], request->groups_shadow);
}

// Operations, with what they take from the reply's banks.
static inline void recording_operations(const struct reply *reply)
{
    const uint64_t *bank = reply->field[0];
    recording_made(reply->op_count);
    for (unsigned n = 0; n < reply->op_count && n < OP_MAX; n++) {
        const struct op *op = &reply->op[n];
        recording_made(op->code);
        recording_made(op->object);
        recording_made(op->a);
        recording_made(op->b);
        recording_made(op->c);
        for (unsigned i = 0; op->code == OP_WRITE_GROUPS && op->a < MSG_BANKS && i < VMCS_FIELD_COUNT; i++)
            if (op->b >> vmcs_field_info[i].group & 1)
                recording_made(reply->field[op->a][i]);
        for (unsigned i = 0; op->code == OP_EPT_MAP_RUN && i < op->a && i < EPT_RUN_MAX; i++)
            recording_made(bank[i]);
    }
}

static inline void recording_reply(const struct reply *reply)
{
    recording_made(reply->sequence);
    recording_made(reply->verdict);
    recording_made(reply->set);
    recording_made(reply->set & SET_FLAGS ? reply->rflags : 0);
    recording_made(reply->verdict == VERDICT_RETURN ? reply->status : 0);
    recording_made(reply->verdict == VERDICT_L2 ? reply->vmcs02 : 0);
    for (unsigned i = 0; (reply->verdict == VERDICT_FORWARD || reply->verdict == VERDICT_RETURN) && i < MSG_ARGS; i++)
        recording_made(reply->arg[i]);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        if (reply->set & SET_GPR(i))
            recording_made(reply->gpr[i]);
    recording_operations(reply);
}

// What a reload doesn't touch, but for the state region: state_roll_back() looks at it.
static inline void recording_channels(union channel_place *channel, uint32_t cpus)
{
    for (uint32_t cpu = 0; cpu < cpus && cpu < CPU_MAX; cpu++)
        for (unsigned slot = 0; slot < RING_SLOTS; slot++) {
            RECORDING_GIVEN(channel[cpu].channel.request[slot].request.sequence);
            RECORDING_GIVEN(channel[cpu].channel.request[slot].request.what);
        }
}

static inline void recording_bytes_given(uint8_t *bytes, uint64_t count)
{
    for (uint64_t i = 0; i < count; i += 8) {
        uint64_t word = 0;
        for (unsigned k = 0; k < 8 && i + k < count; k++)
            word |= (uint64_t)bytes[i + k] << (8 * k);
        recording_given(&word);
        for (unsigned k = 0; k < 8 && i + k < count; k++)
            bytes[i + k] = (uint8_t)(word >> (8 * k));
    }
}

static inline void recording_bytes_made(const uint8_t *bytes, uint64_t count)
{
    for (uint64_t i = 0; i < count; i += 8) {
        uint64_t word = 0;
        for (unsigned k = 0; k < 8 && i + k < count; k++)
            word |= (uint64_t)bytes[i + k] << (8 * k);
        recording_made(word);
    }
}

static inline void recording_path(struct guest_path *path)
{
    RECORDING_GIVEN(path->all);
    RECORDING_GIVEN(path->any);
    RECORDING_GIVEN(path->table);
    RECORDING_GIVEN(path->level);
    for (unsigned i = 0; i < 4; i++)
        RECORDING_GIVEN(path->entry[i]);
}

static inline void recording_trail(const struct guest_trail *trail)
{
    for (unsigned i = 0; i < GUEST_STEPS; i++) {
        recording_made(trail->at[i]);
        recording_made(trail->entry[i]);
    }
}

static inline void recording_run(const struct guest_run *run)
{
    for (unsigned i = 0; i < GUEST_STEPS - 1; i++) {
        recording_made(run->above_at[i]);
        recording_made(run->above[i]);
    }
    recording_made(run->at);
    recording_made(run->qwords);
}
