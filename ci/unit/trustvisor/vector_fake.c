// SPDX-License-Identifier: BSD-2-Clause
#include "vector_fake.h"

#include <string.h>

#include "../../../trustvisor/vector.h"

uint8_t vector_now[VECTOR_FAKE_BYTES];

bool vector_fits(void) { return true; }
void vector_save(uint8_t *area) { memcpy(area, vector_now, sizeof(vector_now)); }
void vector_load(const uint8_t *area) { memcpy(vector_now, area, sizeof(vector_now)); }
void vector_reset(uint8_t *area) { memset(area, 0, sizeof(vector_now)); }
