// SPDX-License-Identifier: BSD-2-Clause
// What travelled with the message that an event tells of: the request slots of the rings keep it until it is overwritten.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "region.h"

enum message_data { MESSAGE_NONE, MESSAGE_WHOLE, MESSAGE_OVERWRITTEN, MESSAGE_SECRET };  // nothing is known of it; it is in the request; it was; it isn't shown

// later: how many later events of that CPU tell of messages to the same partition.
enum message_data message_read(const struct records_machine *machine, uint32_t cpu, const struct event *event, uint32_t later, struct request *request);

// The end of an event's line, or of its JSON object: both begin behind what the event says itself.
void message_print(FILE *out, enum message_data data, const struct request *request);
void message_print_json(FILE *out, enum message_data data, const struct request *request);
