// SPDX-License-Identifier: BSD-2-Clause
// A crash record in a file (bhctl crash --raw), in words: what bhctl says of it, and which check of the VM entry its VMCSs don't pass.
#pragma once

#include <stdio.h>

#include "../../partitions/report/bhctl/region.h"

// NULL, or else what is wrong with the file; then nothing was printed.
const char *crash_file_print(FILE *out, FILE *file, char why[REGION_WHY]);
