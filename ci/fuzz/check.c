// SPDX-License-Identifier: BSD-2-Clause
// The checks of the unit tests' harnesses, for fuzzers: what doesn't hold ends in abort(), so that libFuzzer keeps the input. So does an input that takes too long.
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

void check_register(const char *name, void (*run)(void)) { (void)name, (void)run; }

void check_failed(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, text);
    abort();
}

void check_differ(const char *file, int line, const char *text, uint64_t is, uint64_t expected)
{
    fprintf(stderr, "%s:%d: %s: is 0x%lx, expected 0x%lx\n", file, line, text, is, expected);
    abort();
}

// The harness ends a partition's fault so (linked with --wrap=_Exit); and libFuzzer itself.
_Noreturn void __real__Exit(int status);
_Noreturn void __wrap__Exit(int status);
void __wrap__Exit(int status)
{
    fflush(stdout);
    if (status == 0)
        __real__Exit(status);
    fprintf(stderr, "_Exit(%d)\n", status);
    abort();
}

static void takes_too_long(int number)
{
    (void)number;
    fprintf(stderr, "an input takes more than %d s\n", INPUT_SECONDS);
    abort();
}

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

// Each input's time is CPU time: libFuzzer's own -timeout is the clock's, and would find a machine that is busy otherwise.
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct itimerval limit = { .it_value.tv_sec = INPUT_SECONDS }, none;
    signal(SIGPROF, takes_too_long);
    setitimer(ITIMER_PROF, &limit, NULL);
    const int result = __real_LLVMFuzzerTestOneInput(data, bytes);
    setitimer(ITIMER_PROF, &none, NULL);
    return result;
}
