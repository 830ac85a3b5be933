/* SPDX-License-Identifier: BSD-2-Clause */
/* The performance counter that Bochs is given (counter.c). */
#pragma once

/* When the machine starts. */
void counter_begin(void);
