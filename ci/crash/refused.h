// SPDX-License-Identifier: BSD-2-Clause
// Which of the checks that a CPU makes at VM entry a VMCS' guest state does not pass, by nestvmx's table of them.
#pragma once

#include <stdint.h>

#include <caps/vmcs_field.h>

// The check's name, and the SDM's section in *section. NULL: it passes all that nestvmx knows.
const char *refused_by(const uint64_t field[VMCS_FIELD_COUNT], const char **section);
