// SPDX-License-Identifier: BSD-2-Clause
// What the parts of abuse have in common.
#pragma once

#include <stdint.h>

#include <trustvisor/pal.h>

#define PAGE      4096u
#define ONES      0xff
#define SECRET    0x5ec4e75eu  // abuse.S
#define SIGNAL(status) ((status) & 0x7f)
enum { SIGILL_NUMBER = 4, SIGKILL_NUMBER = 9, SIGSEGV_NUMBER = 11 };

typedef uintptr_t add_t(uintptr_t, uintptr_t *);
typedef uintptr_t plain_t(uintptr_t);

extern const struct tv_params add_params, lend_params, no_params;
extern int failures;
extern uint32_t level;   // 0, or TV_CALL_L2_OFFSET in a guest of L1's hypervisor

// A line for each.
void expect(const char *what, int good);
int all(const volatile uint8_t *bytes, uintptr_t count, uint8_t value);
// Whether the PAL pal_add works.
int adds(const struct pal *pal);

// Processes: fork; how it ended; the end of this one. thread_run: one with the same memory.
long child(void);
int wait_for(long pid);
void leave(int status);
long thread_run(uintptr_t (*function)(uintptr_t), uintptr_t argument, void *stack);
void sleep_ms(long milliseconds);

// Who looks at a PAL's pages (abuse_look.c).
void looked_at(void);
void scanned(void);
int looked(unsigned long count);
_Noreturn void spun(void);
