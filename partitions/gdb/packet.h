// SPDX-License-Identifier: BSD-2-Clause
// Packets of gdb's remote protocol: $TEXT#XX, XX being the sum of TEXT's bytes. Whatever comes is untrusted.
#pragma once

#include <stdint.h>

#define PACKET_TEXT 512u  // of a packet, or of an answer; gdb sends no more than 400 where it isn't told

enum packet_state { PACKET_MORE, PACKET_WHOLE, PACKET_DAMAGED };

struct packet {
    uint32_t length;          // so far
    uint8_t left, sum, check; // left: of its end; 0: outside of a packet
    char text[PACKET_TEXT + 1];  // without its frame, then the answer; ends in NUL
};

// Takes a byte that came. PACKET_WHOLE: text is one. Noise between packets is left out; a '$' begins a new one wherever it comes.
enum packet_state packet_take(struct packet *packet, uint8_t byte);

// A hexadecimal digit's value, or -1.
static inline int packet_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }
