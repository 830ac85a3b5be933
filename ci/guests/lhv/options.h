// SPDX-License-Identifier: BSD-2-Clause
// The command line: words, each NAME or NAME=VALUE.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <efi.h>

#define OPTION_MAX 256  // characters of a word

extern struct options {
    bool trace;          // trace: a line before each test, too: names the one that hangs
    bool hardware;       // hardware: not an emulator that such tests end
    bool no_ept;         // noept: L2s run without EPT
    bool no_vpid;        // novpid: and without VPID
    bool watched;        // watched: somebody looks at the memory from outside (watch.h)
    uint64_t fuzz;       // fuzz=N: rounds of the theme fuzz; 200
    uint64_t seed;       // seed=N: of them
    uint64_t iterations; // iterations=N: all tests N times
    uint64_t random;     // random=N: then N of them on each CPU, one by one, picked by the seed
    uint64_t abort;      // abort=N: the other CPU of two ends in a VMX abort, after all else; 1 by its store list, 2 by its load list, 3 by its page-directory pointers
    char only[OPTION_MAX];  // only=TEXT,...: tests whose THEME.NAME.PART begins with one of them
} options;

// false: a word that isn't known; it is in *bad.
bool options_parse(const CHAR16 *text, char bad[OPTION_MAX]);
bool options_wants(const char *theme, const char *name, const char *part);
