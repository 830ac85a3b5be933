// SPDX-License-Identifier: BSD-2-Clause
// Proof: of an operation on an EPT02 tree decode_op() accepts only what the header grants: an own root, a valid mapping or level; the tables that mappings may need are
// counted; what is to be done is what was checked (I2, I5).
// CBMC: unwind=7
#include "any_batch.h"

static bool valid;
static struct op asked;
struct ept02_run_rule ept02_run_rule;

bool ept02_map_valid(uint32_t a, gpa2_t from, gpa1_t to)
{
    PROVE(a == asked.a && from.v == asked.b && to.v == asked.c, "the mapping that is asked for is checked");
    return valid = any_bool();
}

// A run: the same rights and roots. What else holds of its entries is proof reply_run.
static void prove_run(void)
{
    static struct reply reply;
    any_batch(0);
    the_batch.reply = &reply;
    struct op op = any_op(OP_EPT_MAP_RUN);
    op.a = 1;
    if (decode_op(&the_batch, &op) == STATUS_OK)
        PROVE((the_partition.header.rights & RIGHT_EPT02) && op.object < the_partition.header.root_count, "a root of the partition's");
}

static void prove(enum op_code code, unsigned actions)
{
    any_batch(actions);
    const struct op op = asked = any_op(code);
    uint32_t pages = the_batch.pages;
    uint64_t region = the_batch.map_region;
    if (decode_op(&the_batch, &op) != STATUS_OK)
        return;
    PROVE((the_partition.header.rights & RIGHT_EPT02) && op.object < the_partition.header.root_count, "a root of the partition's");
    if (code == OP_EPT_BIND) {
        PROVE(the_batch.action_count == actions, "binding does nothing");
        return;
    }
    const struct action *action = one_action(actions, &op);
    PROVE(action->root - the_partition.root_first < the_partition.header.root_count && action->root < ROOT_MAX, "its own root among all");
    PROVE(the_batch.touches_ept02, "what is unlinked will be freed");
    uint64_t here = (uint64_t)action->root << 32 | op.b >> 21;
    switch (code) {
    case OP_EPT_CREATE:
        PROVE(op.b != 0 && op.b != VMCS02_TAG_NONE, "a tag that a tree can have");
        PROVE(the_batch.pages >= pages + EPT02_CREATE_PAGES, "tables are set aside");
        break;
    case OP_EPT_MAP:
        PROVE(valid, "a valid mapping");
        PROVE(the_batch.pages >= pages + EPT02_MAP_PAGES || (region == here && ept_map_level(op.a) == EPT_LEVEL_4K), "tables are set aside, but where the mapping before has made them");
        break;
    case OP_EPT_UNMAP:
        PROVE(op.a < EPT_LEVEL_COUNT, "a level");
        break;
    default: break;
    }
    PROVE(the_batch.map_region == ~0ull || (code == OP_EPT_MAP && the_batch.map_region == here), "tables count as made only behind a mapping into them");
}

int main(void)
{
    switch (any_below(7)) {
    case 0: prove(OP_EPT_CREATE, 0); break;
    case 1: prove(OP_EPT_BIND, 0); break;
    case 2: prove(OP_EPT_MAP, 0); break;
    case 3: prove(OP_EPT_UNMAP, 0); break;
    case 4: prove(OP_EPT_DROP, 0); break;
    case 5: prove_run(); break;
    default: prove(OP_EPT_MAP, 2 * OP_MAX - 2); break;
    }
    return 0;
}
