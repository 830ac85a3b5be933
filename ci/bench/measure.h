// SPDX-License-Identifier: BSD-2-Clause
// A row from one statement.
#pragma once

#include "console.h"
#include "cpu_insn.h"
#include "median.h"

// RUNS times the statement, in between two RDTSCs.
#define MEASURE(name, statement)                  \
    do {                                          \
        uint64_t ticks[RUNS];                     \
        for (unsigned run = 0; run < RUNS; run++) { \
            const uint64_t start = tsc();         \
            statement;                            \
            ticks[run] = tsc() - start;           \
        }                                         \
        console_line(name, median(ticks, RUNS));  \
    } while (0)
