// SPDX-License-Identifier: BSD-2-Clause
// L1's other CPUs, while a partition handles a message: memory that the partition looks at changes under its hands. And how much a message may do.
#pragma once

#include <stdint.h>

#include "input.h"

// Takes from the input what happens during the next message: at one of its looks at memory, or at each from there on, a word of one of the pages changes, or the
// page goes.
void meanwhile_arm(struct input *input, const uint64_t *pages, unsigned count);
// The next message begins, which is to look at memory and to ask the kernel for something so often at most.
void meanwhile_begin(unsigned most);
// One more step of it: the partition is about to look at memory. Of those through the window (with --wrap, WRAPS of ci/fuzz.py) by itself.
void meanwhile_step(void);
// The message is over: memory is what it is.
void meanwhile_end(void);
