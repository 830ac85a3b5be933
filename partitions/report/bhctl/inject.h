// SPDX-License-Identifier: BSD-2-Clause
// bhctl inject: the fault that its words ask for.
#pragma once

#include "region.h"

struct fault { uint32_t partition, kind, number, instruction; };

// NULL, or else what is wrong with the words: PARTITION, --at N, --kind KIND, --instruction N.
const char *fault_parse(struct fault *fault, const struct records_machine *machine, int count, char **word, char why[REGION_WHY]);

// What came of it: a sentence for the user, or NULL where it was accepted. answer: RAX of HYPERCALL_REPORT_INJECT.
const char *fault_refused(const struct fault *fault, const struct records_machine *machine, uint64_t answer, char why[REGION_WHY]);
