// SPDX-License-Identifier: BSD-2-Clause
// Proof: of an operation on L1's CPU (SHADOW, L1_VMX, L1_NMI, MSR_WRITE, L1_FLUSH), or of INJECT, decode_op() accepts only what the header grants and the kernel lets a partition do; an operation that there
// isn't is refused (I4).
// CBMC: unwind=7
#include "any_batch.h"

static bool writable;
static uint32_t asked;

bool msr_l1_writable(uint32_t msr)
{
    asked = msr;
    return writable = any_bool();
}

static enum status injectable;
static uint32_t asked_index;

enum status fault_inject_check(uint32_t index, uint32_t kind)
{
    asked_index = index;
    asked = kind;
    return injectable = any_bool() ? STATUS_OK : STATUS_UNSUPPORTED;
}

static void prove(enum op_code code, unsigned actions)
{
    any_batch(actions);
    const struct op op = any_op(code);
    if (decode_op(&the_batch, &op) != STATUS_OK)
        return;
    const struct action *action = one_action(actions, &op);
    if (code == OP_MSR_WRITE) {
        PROVE(the_partition.header.rights & RIGHT_MSR, "by right");
        PROVE(writable && asked == op.a, "an MSR that L1 itself could write");
    } else if (code == OP_INJECT) {
        PROVE(the_partition.header.rights & RIGHT_INJECT, "by right");
        PROVE(injectable == STATUS_OK && asked == op.a && asked_index == op.object && action->root == op.object, "where the configuration lets it");
    } else if (code == OP_L1_FLUSH) {
        PROVE(the_partition.header.vmcs[VMCS_KIND_01].write & GROUP_CR, "by who may give L1 another address space");
    } else {
        PROVE(the_partition.header.rights & RIGHT_L1_VMX, "by right");
        PROVE(op.a <= 1, "on or off");
        PROVE(code != OP_SHADOW || op.a == 0 || the_cpu.shadow.v != 0, "shadowing where there is shadowing");
    }
}

static void prove_unknown(uint16_t code)
{
    any_batch(0);
    const struct op op = any_op((enum op_code)code);
    PROVE(decode_op(&the_batch, &op) != STATUS_OK && the_batch.action_count == 0, "no such operation");
}

int main(void)
{
    switch (any_below(9)) {
    case 0: prove(OP_SHADOW, 0); break;
    case 1: prove(OP_L1_VMX, 0); break;
    case 2: prove(OP_MSR_WRITE, 0); break;
    case 3: prove(OP_MSR_WRITE, 2 * OP_MAX - 2); break;
    case 4: prove_unknown(OP_COUNT); break;
    case 5: prove(OP_L1_FLUSH, 0); break;
    case 6: prove(OP_L1_NMI, 0); break;
    case 7: prove(OP_INJECT, 0); break;
    default: prove_unknown(0xffff); break;
    }
    return 0;
}
