// SPDX-License-Identifier: BSD-2-Clause
// QEMU's teaching device `edu` (its docs/specs/edu.txt): a PCI device that copies between memory and a buffer of its own, by DMA.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Finds it on bus 0 and lets it be a bus master. False: there is none.
bool edu_find(void);

uint16_t edu_source(void);  // its bus, device and function, as VT-d names it

// From memory into its buffer, from its buffer into memory; less than a page. False: it doesn't come to an end.
bool edu_load(uint64_t address, uint32_t bytes);
bool edu_store(uint64_t address, uint32_t bytes);
