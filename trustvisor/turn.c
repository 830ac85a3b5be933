// SPDX-License-Identifier: BSD-2-Clause
#include "turn.h"

#include "vector.h"

static uint8_t *area(const struct pal *pal, unsigned whose) { return pal_vectors[pal_number(pal)][whose]; }

// Behind what it tells of.
static void set(struct pal *pal, enum turn turn) { __atomic_store_n(&pal->turn, (uint32_t)turn, __ATOMIC_SEQ_CST); }

void turn_borrow(struct pal *pal)
{
    if (pal->turn != TURN_NONE)
        return;
    vector_save(area(pal, VECTORS_CPU));
    set(pal, TURN_SAVED);
}

void turn_begin(struct pal *pal)
{
    turn_borrow(pal);
    vector_load(area(pal, VECTORS_PAL));
    set(pal, TURN_PAL);
}

void turn_pause(struct pal *pal)
{
    if (pal->turn != TURN_PAL)
        return;
    vector_save(area(pal, VECTORS_PAL));
    set(pal, TURN_SAVED);
}

void turn_end(struct pal *pal)
{
    turn_pause(pal);
    vector_load(area(pal, VECTORS_CPU));
    set(pal, TURN_NONE);
}
