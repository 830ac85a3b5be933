// SPDX-License-Identifier: BSD-2-Clause
// gdb at the other end of the line.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FAKE_LINE 65536

extern char fake_sent[FAKE_LINE];  // by the partition, since the last fake_line_give(); ends in NUL

// What gdb is to send next, instead of what is left. Who reads behind its end waits for ever: the test ends there as a fault of the partition.
void fake_line_give(const char *bytes);
void fake_line_give_bytes(const uint8_t *bytes, size_t count);

// One byte over and over; a port that isn't there any more, and reads as ones.
void fake_line_give_for_ever(uint8_t byte);
void fake_line_break(void);

// How many of the bytes nobody has taken yet.
size_t fake_line_left(void);

// Behind what is there: bytes; a packet with that text, framed.
void fake_line_add(const char *bytes);
void fake_line_packet(const char *text);
