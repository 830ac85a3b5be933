// SPDX-License-Identifier: BSD-2-Clause
// Statistics: what each exit and each partition's messages cost. Per CPU; summed when they are printed.
#pragma once

// Logs every counter that isn't 0, once: before power-off or reset. stage: "power-off" or "reset".
void stats_print(const char *stage);
