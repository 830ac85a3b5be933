// SPDX-License-Identifier: BSD-2-Clause
// The TPM, where there is one: what the loader starts from is measured into TPM_PCR_OWN before it is used, and secrets for partitions are had from it
// (tpm_seed.h). Where there is none, or Bulkhead is there already, all of this does nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "load.h"

// Looks for a TPM.
void measure_start(void);

// Measures data; what: its name in the firmware's event log. Where that fails no secrets are given.
void measure(const char *what, const void *data, size_t bytes);

// Behind the measurement of all that was loaded: gets each partition that wants one its seed. A line on the console where there is a TPM that can't be used for it.
void measure_seeds(const struct load *load);

// Puts them where the partitions' headers say, in hidden memory (a loadable one's into its struct partition: each load finds it there), and forgets them.
void measure_give(const struct boot_info *info);

// Forgets those that nobody was given.
void measure_forget(void);

// Extends the PCR once more: whoever runs after the loader, L1 first of all, gets no secret. Before the next image is started, whatever has happened.
void measure_close(void);
