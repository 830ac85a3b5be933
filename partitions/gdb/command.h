// SPDX-License-Identifier: BSD-2-Clause
// What gdb's packets ask for, about a partition that stands still.
#pragma once

#include <stdbool.h>

#include <caps/debug.h>
#include <caps/msg.h>

#include "packet.h"

enum signal { SIGNAL_INT = 2, SIGNAL_ILL = 4, SIGNAL_TRAP = 5, SIGNAL_FPE = 8, SIGNAL_SEGV = 11 };
enum next { NEXT_STAY, NEXT_CONTINUE, NEXT_STEP, NEXT_DELIVER, NEXT_LEAVE };  // DELIVER: the partition is to have the exception that stopped it

struct watches { uint64_t address[DEBUG_WATCHES], how; };  // for DR0 to DR3 and DR7

// What it is done to.
struct command {
    struct debug_stop *at;      // a copy: the caller writes it back
    const struct request *req;  // of this message, for fields of VMCSs
    struct watches *watches;
};

// Does what the packet in text asks for, and with NEXT_STAY and NEXT_LEAVE makes the answer of it.
enum next command_do(const struct command *command, char text[PACKET_TEXT + 1]);

// Makes the answer that says why the partition has stopped. hits: watchpoints, as in DR6.
void command_stopped(const struct command *command, enum signal signal, unsigned hits, char text[PACKET_TEXT + 1]);
