// SPDX-License-Identifier: BSD-2-Clause
#include "vector_fake.h"

#include <string.h>

#include "../../../trustvisor/vector.h"
#include "../harness.h"

uint8_t vector_now[VECTOR_FAKE_BYTES];

bool vector_fits(void) { return true; }

// Afterwards they are trustvisor's own, whose code may use them.
void vector_save(uint8_t *area)
{
    memcpy(area, vector_now, sizeof(vector_now));
    world_cut_point();
    memset(vector_now, 0xdd, sizeof(vector_now));
}

void vector_load(const uint8_t *area)
{
    world_cut_point();
    memcpy(vector_now, area, sizeof(vector_now));
    world_cut_point();
}

void vector_reset(uint8_t *area) { memset(area, 0, sizeof(vector_now)); }
