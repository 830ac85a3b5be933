// SPDX-License-Identifier: BSD-2-Clause
// Proof: the list by which a VMCS02 is made fresh has each control that its owner may switch on, off, each address that names a page, 0, and L0's controls; each
// field once, and only if the CPU has it (I4).
// CBMC: unwind=6 loops=fields_vmcs02.0:256 replace=add:contract_add
#include "any_caps.h"

#include "../../kernel/loader/fields.c"

static struct boot_fields the_list;
static enum vmcs_field watched;
static unsigned times;
static uint64_t watched_value;

void contract_add(struct boot_fields *list, enum vmcs_field field, uint64_t value)
{
    PROVE(list == &the_list && field < VMCS_FIELD_COUNT, "a field of this list");
    if (field == watched) {
        times++;
        watched_value = value;
    }
}

int main(void)
{
    static const struct { enum vmcs_field field; enum control_word word; } words[] = {
        { VMCS_PIN_CONTROLS, WORD_PIN }, { VMCS_PROC_CONTROLS, WORD_PROC }, { VMCS_PROC_CONTROLS2, WORD_PROC2 }, { VMCS_EXIT_CONTROLS, WORD_EXIT },
        { VMCS_ENTRY_CONTROLS, WORD_ENTRY },
    };
    any_caps();  // forced0 and allowed0 share no bit: the loader's vtx_missing()
    watched = (enum vmcs_field)any_below(VMCS_FIELD_COUNT);
    fields_vmcs02(&the_list, vmx_caps);
    const struct vmcs_field_info *field = &vmcs_field_info[watched];
    const bool exists = vmcs_feature_exists((enum vmcs_feature)field->feature, vmx_caps->allowed1);
    bool control = false;
    for (unsigned i = 0; i < WORD_COUNT; i++) {
        if (watched != words[i].field)
            continue;
        control = true;
        PROVE(times == 1 && (vmx_caps->forced1[words[i].word] & ~watched_value) == 0 && (vmx_caps->forced0[words[i].word] & watched_value) == 0, "L0's controls");
    }
    const bool owners = encoding_class(field->encoding) == CLASS_CONTROL && (field->policy == POLICY_FREE || field->policy == POLICY_ADDRESS);
    PROVE(!(owners && exists) || (times == 1 && watched_value == 0), "what the owner may switch on is off, pages that it may name aren't");
    PROVE(control || owners || times == 0, "nothing else");
    PROVE(exists || control || times == 0, "nothing that the CPU lacks");
    return 0;
}
