// SPDX-License-Identifier: BSD-2-Clause
// Proof: policy_admit(), by what the loader's make_field() says of a field, lets no partition write host state, an EPT pointer, a bitmap's address or a control bit that L0's control rests on,
// for every kind of VMCS, field and value; addresses are EPT01's (I4, I6).
// CBMC: unwind=6
#include "any_caps.h"

#include "../../kernel/boot_info.h"

static struct boot_info info;
const struct boot_info *boot_info = &info;

static unsigned lookups;
static uint64_t looked_up, frame;

#include "../../kernel/policy.c"
#include "../../kernel/loader/policy.c"

// Contract of ept01_lookup(): proof ept01_lookup.
enum status ept01_lookup(gpa1_t address, struct ept01_leaf *out)
{
    struct ept01_leaf leaf;
    lookups++;
    looked_up = address.v;
    if (any_bool())
        return STATUS_BAD_ADDRESS;
    frame = leaf.hpa.v;
    *out = leaf;
    return STATUS_OK;
}

// By name, beside the table's policies: what must never be a partition's in a VMCS that runs.
static bool never(enum vmcs_field field)
{
    switch (field) {
    case VMCS_EPTP: case VMCS_VPID: case VMCS_MSR_BITMAP: case VMCS_IO_BITMAP_A: case VMCS_IO_BITMAP_B: case VMCS_VMCS_LINK_POINTER:
    case VMCS_EXIT_MSR_STORE_ADDR: case VMCS_EXIT_MSR_LOAD_ADDR: case VMCS_ENTRY_MSR_LOAD_ADDR: case VMCS_EXIT_MSR_STORE_COUNT:
    case VMCS_EXIT_MSR_LOAD_COUNT: case VMCS_ENTRY_MSR_LOAD_COUNT: case VMCS_PML_ADDR: case VMCS_PML_INDEX: case VMCS_VMREAD_BITMAP:
    case VMCS_VMWRITE_BITMAP: case VMCS_VE_INFO_ADDR: case VMCS_EPTP_LIST_ADDR: case VMCS_EPTP_INDEX: case VMCS_VM_FUNCTION_CONTROL:
    case VMCS_POSTED_INTR_DESC_ADDR: case VMCS_POSTED_INTR_VECTOR: case VMCS_EXECUTIVE_VMCS: case VMCS_GUEST_SMBASE:
        return true;
    default:
        return encoding_class(vmcs_field_info[field].encoding) == CLASS_HOST;
    }
}

static void prove_control(enum control_word word, uint64_t value)
{
    PROVE((~value & vmx_caps->forced1[word]) == 0, "a control that L0 forces is set");
    PROVE((value & vmx_caps->forced0[word]) == 0, "a control that L0 excludes is clear");
    PROVE((value & ~(uint64_t)vmx_caps->allowed1[word]) == 0, "a control that the CPU lacks is clear");
}

int main(void)
{
    any_caps();
    enum vmcs_kind kind = (enum vmcs_kind)any_below(VMCS_KINDS);
    enum vmcs_field field = (enum vmcs_field)any_below(VMCS_FIELD_COUNT);
    uint64_t asked = any_u64(), value = asked;

    make_field(&info.policy, vmx_caps, field);
    bool admitted = policy_admit(kind, field, &value) == STATUS_OK;
    const uint8_t admit = info.policy.admit[kind][field];
    if (admit == ADMIT_ANY)
        PROVE(admitted && value == asked, "a field that takes any value needs no policy");
    if (kind != VMCS_KIND_SHADOW && (admit == ADMIT_ANY || admit == ADMIT_BITS)) {
        PROVE(field != VMCS_GUEST_ACTIVITY_STATE, "a write that the kernel has to notice");
        PROVE(admitted && value == ((asked & info.policy.mask[field].keep) | info.policy.mask[field].force), "a field whose bits are looked at one by one");
    }
    if (!admitted || kind == VMCS_KIND_SHADOW)
        return 0;

    PROVE(!never(field), "not L0's field");
    PROVE(vmcs_field_info[field].policy != POLICY_KERNEL && vmcs_field_info[field].policy != POLICY_READ_ONLY, "a field that can be written");
    if (kind == VMCS_KIND_01) {
        enum field_class class = encoding_class(vmcs_field_info[field].encoding);
        PROVE(class == CLASS_GUEST || vmcs_field_info[field].group == GROUP_INDEX_EVENT ||
              vmcs_field_info[field].group == GROUP_INDEX_EVENT_DATA || field == VMCS_CR0_READ_SHADOW ||
              field == VMCS_CR4_READ_SHADOW, "none of VMCS01's controls but the event and the CR shadows");
    }
    switch (field) {
    case VMCS_PIN_CONTROLS: prove_control(WORD_PIN, value); break;
    case VMCS_PROC_CONTROLS: prove_control(WORD_PROC, value); break;
    case VMCS_PROC_CONTROLS2: prove_control(WORD_PROC2, value); break;
    case VMCS_EXIT_CONTROLS: prove_control(WORD_EXIT, value); break;
    case VMCS_ENTRY_CONTROLS: prove_control(WORD_ENTRY, value); break;
    case VMCS_GUEST_CR0:
        PROVE((~value & vmx_caps->cr0_fixed0 & 0xffffffff) == 0 && value >> 32 == 0, "CR0 has what VMX needs");
        break;
    case VMCS_GUEST_CR4:
        PROVE((~value & vmx_caps->cr4_fixed0) == 0 && (value & ~vmx_caps->cr4_supported) == 0, "CR4 has what VMX needs");
        break;
    case VMCS_GUEST_ACTIVITY_STATE:
        PROVE(kind != VMCS_KIND_01 || (value & 0xffffffff) != 3, "L1 waits for SIPI only where the kernel knows");
        break;
    default: break;
    }
    if (field == VMCS_VIRTUAL_APIC_ADDR || field == VMCS_APIC_ACCESS_ADDR) {
        PROVE(lookups == 1 && looked_up == (asked & PAGE_MASK), "an address is looked up in EPT01, once");
        PROVE((value & PAGE_MASK) == (frame & PAGE_MASK), "and the frame found is what is written");
    }
    return 0;
}
