// SPDX-License-Identifier: BSD-2-Clause
// What the parts of the parser of bulkhead.conf share.
#pragma once

#include "conf.h"

struct parser {
    struct conf *conf;
    struct conf_workload *workload;  // NULL before the first section
    bool skip;                       // in a section that could not be opened
    bool failed;                     // error holds the first error; the rest is still read for what it is worth
    unsigned line;
    char *error;
};

// false. The first error counts: "bulkhead.conf:LINE: what".
bool conf_fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Once all lines are read: what they say together, and which partition a name means.
void conf_check(struct parser *p);
