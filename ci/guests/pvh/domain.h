/* SPDX-License-Identifier: BSD-2-Clause */
/* What the domains of Xen here have in common. */
#pragma once

#include <stdint.h>

/* Finds Xen. Lines of this domain begin with `name`, and go to Xen's log, and to the device model's serial port where there is one. */
void domain_begin(const char *name, int serial);
/* Works, and says what came of it. */
void domain_rounds(void);
/* Powers the domain off. */
void domain_end(void);

void print(const char *text);
void print_number(const char *name, uint64_t value);
/* Ends the domain as crashed where it isn't good. */
void check(int good, const char *what, uint64_t got);
