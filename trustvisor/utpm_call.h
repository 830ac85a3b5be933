// SPDX-License-Identifier: BSD-2-Clause
// The micro-TPM's hypercalls, by a PAL that runs.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

#include "pal.h"

// The registers that they take their arguments from.
struct utpm_arguments { uint64_t ecx, edx, esi, edi; };

// The result for the PAL. Uses vector registers. Changes to the PAL's PCRs are undone if the message isn't completed.
uint32_t utpm_call(struct pal *pal, enum tv_call number, const struct utpm_arguments *argument);
