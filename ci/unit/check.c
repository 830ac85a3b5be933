// SPDX-License-Identifier: BSD-2-Clause
// Runs the registered tests: all, or those whose names contain an argument.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define TESTS_MAX 512

static struct { const char *name; void (*run)(void); } test[TESTS_MAX];
static unsigned tests;

void check_register(const char *name, void (*run)(void))
{
    if (tests == TESTS_MAX)
        abort();
    test[tests].name = name;
    test[tests++].run = run;
}

void check_failed(const char *file, int line, const char *text)
{
    printf("# %s:%d: %s does not hold\n", file, line, text);
    fflush(stdout);
    _exit(1);
}

void check_differ(const char *file, int line, const char *text, uint64_t is, uint64_t expected)
{
    printf("# %s:%d: %s: is 0x%lx, expected 0x%lx\n", file, line, text, is, expected);
    fflush(stdout);
    _exit(1);
}

static bool passes(void (*run)(void))
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        run();
        fflush(stdout);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFSIGNALED(status))
        printf("# ended by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    unsigned number = 0, failed = 0;
    for (unsigned i = 0; i < tests; i++) {
        bool wanted = argc < 2;
        for (int a = 1; a < argc; a++)
            wanted = wanted || strstr(test[i].name, argv[a]);
        if (!wanted)
            continue;
        const bool ok = passes(test[i].run);
        failed += !ok;
        printf("%s %u - %s\n", ok ? "ok" : "not ok", ++number, test[i].name);
    }
    printf("1..%u\n", number);
    return failed != 0;
}
