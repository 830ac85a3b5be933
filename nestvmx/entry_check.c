// SPDX-License-Identifier: BSD-2-Clause
// VM-entry checks: the conditions of entry_check.def.

#include <rt/guest.h>
#include <rt/reply.h>

#include "entry_check.h"
#include "region.h"
#include "vmcap.h"
#include "x86.h"

#define EFER_BITS (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define EFER_LONG (EFER_LME | EFER_LMA)

// A list of 16-byte entries (SDM 3C 25.7.2 "VM-Exit Controls for MSRs").
static bool msr_list_valid(uint64_t address, uint64_t count)
{
    if (count == 0)
        return true;
    return (address & 15) == 0 && address_fits(address) && address_fits(address + count * 16 - 1);
}

bool eptp_valid(uint64_t eptp)
{
    const uint64_t type = eptp & 7, walk = (eptp >> 3) & 7;
    if (type != 0 && type != 6)
        return false;
    if (!(vmcap_ept() & (type == 0 ? EPT_CAP_UC : EPT_CAP_WB)) || walk != 3)
        return false;
    return (eptp & 0xf80) == 0 && (!(eptp & 0x40) || (vmcap_ept() & EPT_CAP_FLAGS)) && address_fits(eptp);
}

// Bits 7:4 of the virtual TPR, in the virtual-APIC page.
static uint64_t vtpr_class(const struct vmcs12 *v)
{
    uint32_t vtpr = 0;
    return guest_read32((gpa1_t){ vmcs12_get(v, VMCS_VIRTUAL_APIC_ADDR) + 0x80 }, &vtpr) ? (vtpr >> 4) & 15 : 15;
}

bool pat_valid(uint64_t pat)
{
    for (; pat != 0; pat >>= 8) {
        const unsigned type = pat & 0xff;
        if (type == 2 || type == 3 || type > 7)
            return false;
    }
    return true;
}

static unsigned event_type(uint64_t event) { return (unsigned)(event >> 8) & 7; }

static bool event_vector_ok(uint64_t event)
{
    const unsigned vector = event & 0xff;
    switch (event_type(event)) {
    case 2: return vector == VECTOR_NMI;
    case 3: return vector <= 31;
    case 7: return vector == 0;  // monitor trap flag
    default: return true;
    }
}

// An error code is delivered just with the hardware exceptions that have one, and not in real mode.
static bool event_error_ok(const struct vmcs12 *v, uint64_t event)
{
    const uint32_t with_error = 1u << VECTOR_DF | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP |
                                1u << VECTOR_PF | 1u << VECTOR_AC;
    const bool has = event & EVENT_HAS_ERROR, relaxed = vmcap_error_codes_free();
    if (event_type(event) != 3)
        return !has;
    if (vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST) && !(v->value[VMCS_GUEST_CR0] & CR0_PE))
        return !has;
    return relaxed || has == ((with_error >> (event & 31)) & 1);
}

static bool event_length_ok(const struct vmcs12 *v, uint64_t event)
{
    const uint64_t length = v->value[VMCS_ENTRY_INSTRUCTION_LENGTH];
    const unsigned type = event_type(event);
    if (type != 4 && type != 5 && type != 6)
        return true;
    return length <= 15 && (length != 0 || (vmcap_misc() & MISC_LENGTH_0));
}

bool guest_is_pae(const struct vmcs12 *v)
{
    return (v->value[VMCS_GUEST_CR0] & CR0_PG) && (v->value[VMCS_GUEST_CR4] & CR4_PAE) && !vmcs12_entry(v, ENTRY_GUEST_IA32E);
}

bool pdptes_read(uint64_t cr3, uint64_t pdpte[4])
{
    return guest_copy_in(pdpte, (gpa1_t){ cr3 & 0xffffffe0 }, 32);
}

bool pdptes_valid(uint64_t cr3)
{
    const uint64_t reserved = 0x1e6 | ~((1ull << info->physical_bits) - 1);  // SDM 3A 4.4.1 "PDPTE Registers"
    uint64_t pdpte[4];
    if (!pdptes_read(cr3, pdpte))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        if ((pdpte[i] & 1) && (pdpte[i] & reserved))
            return false;
    }
    return true;
}

#define F(name)                v->value[VMCS_##name]
#define PIN(control)           vmcs12_pin(v, PIN_##control)
#define PROC(control)          vmcs12_proc(v, PROC_##control)
#define PROC2(control)         vmcs12_proc2(v, PROC2_##control)
#define EXIT(control)          vmcs12_exit(v, EXIT_##control)
#define ENTRY(control)         vmcs12_entry(v, ENTRY_##control)
#define TEST(check, condition) \
    if (!(condition))          \
        return #check;
#define NO_CHECK(...)

// Each returns the name of the check that failed, or NULL.
#define CHECK_CONTROL(check, section, condition) TEST(check, condition)
#define CHECK_EVENT                              NO_CHECK
#define CHECK_HOST                               NO_CHECK
#define CHECK_GUEST                              NO_CHECK
static const char *check_controls(const struct vmcs12 *v)
{
#include "entry_check.def"
    return NULL;
}
#undef CHECK_CONTROL
#undef CHECK_EVENT

#define CHECK_CONTROL                          NO_CHECK
#define CHECK_EVENT(check, section, condition) TEST(check, condition)
static const char *check_event(const struct vmcs12 *v, uint64_t event)
{
#include "entry_check.def"
    return NULL;
}
#undef CHECK_EVENT
#undef CHECK_HOST

#define CHECK_EVENT                           NO_CHECK
#define CHECK_HOST(check, section, condition) TEST(check, condition)
static const char *check_host(const struct vmcs12 *v, bool l1_long)
{
#include "entry_check.def"
    return NULL;
}
#undef CHECK_HOST
#undef CHECK_GUEST

#define CHECK_HOST NO_CHECK
#define CHECK_GUEST(check, section, condition, exit_qualification) \
    if (!(condition)) {                                            \
        *qualification = exit_qualification;                       \
        return #check;                                             \
    }
static const char *check_guest(const struct vmcs12 *v, uint64_t *qualification)
{
#include "entry_check.def"
    return NULL;
}

// Groups that the checks of each kind read; what the CPU itself changes in VMCS02 stays valid.
#define CONTROL_DEPENDS (GROUP_CONTROLS | GROUP_TSC | GROUP_CR3_TARGET | GROUP_BITMAP | GROUP_APIC | GROUP_VPID | GROUP_EPTP | GROUP_MSR_LIST)
#define HOST_DEPENDS    (GROUP_HOST | GROUP_CONTROLS)
#define GUEST_DEPENDS   (GROUP_CR | GROUP_LINK | GROUP_CONTROLS)

enum check_result entry_check(const struct vmcs12 *v, uint64_t changed, bool l1_long, const char **name, uint64_t *qualification)
{
    // The virtual TPR lies in memory, where it changes without anybody's leave.
    const bool vtpr = PROC(USE_TPR_SHADOW) && !PROC2(VIRTUAL_INTERRUPT_DELIVERY) && !PROC2(VIRTUALIZE_APIC_ACCESSES);
    const bool pdpte = !PROC2(ENABLE_EPT) && guest_is_pae(v);

    if (((changed & CONTROL_DEPENDS) || vtpr) && (*name = check_controls(v)) != NULL)
        return CHECK_BAD_CONTROLS;
    if ((F(ENTRY_INTR_INFO) & EVENT_VALID) && (*name = check_event(v, F(ENTRY_INTR_INFO))) != NULL)
        return CHECK_BAD_CONTROLS;
    if ((changed & HOST_DEPENDS) && (*name = check_host(v, l1_long)) != NULL)
        return CHECK_BAD_HOST;
    if (((changed & GUEST_DEPENDS) || pdpte) && (*name = check_guest(v, qualification)) != NULL)
        return CHECK_BAD_GUEST;
    return CHECK_PASSED;
}
