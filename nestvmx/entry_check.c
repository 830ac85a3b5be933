// SPDX-License-Identifier: BSD-2-Clause
// VM-entry checks: the conditions of entry_check.def.

#include <rt/guest.h>
#include <rt/reply.h>

#include "entry_check.h"
#include "region.h"
#include "vmcap.h"
#include "vmfunc.h"
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

// What may be injected into a CPU that executes nothing.
static bool event_wakes(const struct vmcs12 *v)
{
    const uint64_t event = v->value[VMCS_ENTRY_INTR_INFO], activity = v->value[VMCS_GUEST_ACTIVITY_STATE];
    const unsigned type = event_type(event), vector = event & 0xff;
    if (!(event & EVENT_VALID) || activity == 0 || (type == 2 && activity <= 2) || (type == 3 && vector == VECTOR_MC && activity <= 2))
        return true;
    return activity == 1 && (type == 0 || type == 7 || (type == 3 && vector == VECTOR_DB));
}

bool guest_is_pae(const struct vmcs12 *v)
{
    return (v->value[VMCS_GUEST_CR0] & CR0_PG) && (v->value[VMCS_GUEST_CR4] & CR4_PAE) && !vmcs12_entry(v, ENTRY_GUEST_IA32E);
}

bool pdptes_read(uint64_t cr3, uint64_t pdpte[4])
{
    return guest_copy_in(pdpte, (gpa1_t){ cr3 & 0xffffffe0 }, 32);
}

bool pdptes_ok(const uint64_t pdpte[4])
{
    const uint64_t reserved = 0x1e6 | ~((1ull << info->physical_bits) - 1);  // SDM 3A 4.4.1 "PDPTE Registers"
    for (unsigned i = 0; i < 4; i++) {
        if ((pdpte[i] & 1) && (pdpte[i] & reserved))
            return false;
    }
    return true;
}

bool pdptes_valid(uint64_t cr3)
{
    uint64_t pdpte[4];
    return pdptes_read(cr3, pdpte) && pdptes_ok(pdpte);
}

// L2's own VMREADs and VMWRITEs go to this VMCS, where VMCS shadowing is on; it must say that it is for that, else that it isn't.
static bool link_valid(const struct vmcs12 *v)
{
    const uint64_t link = vmcs12_get(v, VMCS_VMCS_LINK_POINTER);
    uint32_t revision = 0;
    return region_valid(link) && link != v->region && guest_read32((gpa1_t){ link }, &revision) &&
           revision == (VMCS12_REVISION | (vmcs12_proc2(v, PROC2_VMCS_SHADOWING) ? VMCS12_SHADOW_INDICATOR : 0));
}

// SDM 3C 27.3.1.2 "Checks on Guest Segment Registers", on the fields of ES to GS, which lie one after the other in each class.
#define SEGMENTS 6u
#define CS       1u
#define SS       2u
#define RIGHTS(segment)          ((uint32_t)v->value[VMCS_GUEST_ES_ACCESS_RIGHTS + (segment)])
#define RIGHTS_UNUSABLE          0x10000u
#define RIGHTS_RESERVED          0xfffe0f00u
#define RIGHTS_DPL(rights)       (((rights) >> 5) & 3)
#define RIGHTS_CODE_OR_DATA_P(r) (((r) & 0x90) == 0x90)

static bool segments_v8086(const struct vmcs12 *v)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        if (v->value[VMCS_GUEST_ES_BASE + i] != v->value[VMCS_GUEST_ES_SELECTOR + i] << 4 || v->value[VMCS_GUEST_ES_LIMIT + i] != 0xffff ||
            RIGHTS(i) != 0xf3)
            return false;
    }
    return true;
}

static bool segment_bases_32(const struct vmcs12 *v)
{
    for (unsigned i = 0; i <= 3; i++) {  // ES, CS, SS, DS
        if ((v->value[VMCS_GUEST_ES_BASE + i] >> 32) != 0 && (i == CS || !(RIGHTS(i) & RIGHTS_UNUSABLE)))
            return false;
    }
    return true;
}

static bool cs_rights_ok(const struct vmcs12 *v)
{
    const uint32_t rights = RIGHTS(CS), type = rights & 15, dpl = RIGHTS_DPL(rights), ss_dpl = RIGHTS_DPL(RIGHTS(SS));
    if (!RIGHTS_CODE_OR_DATA_P(rights) || (rights & RIGHTS_RESERVED))
        return false;
    if (vmcs12_entry(v, ENTRY_GUEST_IA32E) && (rights & ACCESS_RIGHTS_LONG) && (rights & 0x4000))
        return false;
    switch (type) {
    case 3: return vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST) && dpl == 0;
    case 9: case 11: return dpl == ss_dpl;
    case 13: case 15: return dpl <= ss_dpl;
    default: return false;
    }
}

static bool ss_rights_ok(const struct vmcs12 *v)
{
    const uint32_t rights = RIGHTS(SS), type = rights & 15, dpl = RIGHTS_DPL(rights);
    const bool real = !(v->value[VMCS_GUEST_CR0] & CR0_PE), unrestricted = vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST);
    if (!unrestricted && dpl != (v->value[VMCS_GUEST_SS_SELECTOR] & 3))
        return false;
    if (((RIGHTS(CS) & 15) == 3 || real) && dpl != 0)
        return false;
    return (rights & RIGHTS_UNUSABLE) || ((type == 3 || type == 7) && RIGHTS_CODE_OR_DATA_P(rights) && !(rights & RIGHTS_RESERVED));
}

static bool data_rights_ok(const struct vmcs12 *v)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const uint32_t rights = RIGHTS(i), type = rights & 15;
        if (i == CS || i == SS || (rights & RIGHTS_UNUSABLE))
            continue;
        if (!(type & 1) || ((type & 8) && !(type & 2)) || !RIGHTS_CODE_OR_DATA_P(rights) || (rights & RIGHTS_RESERVED))
            return false;
        if (!vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST) && type <= 11 && RIGHTS_DPL(rights) < (v->value[VMCS_GUEST_ES_SELECTOR + i] & 3))
            return false;
    }
    return true;
}

// G must be 0 where a low bit of the limit is, and 1 where a high bit is.
static bool granularity_ok(uint32_t rights, uint64_t limit)
{
    return rights & 0x8000 ? (limit & 0xfff) == 0xfff : (limit >> 20) == 0;
}

static bool granularities_ok(const struct vmcs12 *v)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        if ((i == CS || !(RIGHTS(i) & RIGHTS_UNUSABLE)) && !granularity_ok(RIGHTS(i), v->value[VMCS_GUEST_ES_LIMIT + i]))
            return false;
    }
    return true;
}

static bool system_rights_ok(uint32_t rights, uint64_t limit)
{
    return (rights & 0x90) == 0x80 && !(rights & RIGHTS_RESERVED) && granularity_ok(rights, limit);
}

static bool tr_rights_ok(const struct vmcs12 *v)
{
    const uint32_t rights = (uint32_t)v->value[VMCS_GUEST_TR_ACCESS_RIGHTS], type = rights & 15;
    return (type == 11 || (type == 3 && !vmcs12_entry(v, ENTRY_GUEST_IA32E))) && !(rights & RIGHTS_UNUSABLE) &&
           system_rights_ok(rights, v->value[VMCS_GUEST_TR_LIMIT]);
}

static bool ldtr_rights_ok(const struct vmcs12 *v)
{
    const uint32_t rights = (uint32_t)v->value[VMCS_GUEST_LDTR_ACCESS_RIGHTS];
    return (rights & RIGHTS_UNUSABLE) || ((rights & 15) == 2 && system_rights_ok(rights, v->value[VMCS_GUEST_LDTR_LIMIT]));
}

#define PENDING_ENABLED (1ull << 12)  // a breakpoint that was enabled
#define PENDING_STEP    (1ull << 14)
#define PENDING_RTM     (1ull << 16)  // in a transactional region

// A step is pending exactly where one would be behind STI, MOV SS and HLT. VMCS12's DEBUGCTL counts where it is loaded.
static bool pending_step_ok(const struct vmcs12 *v)
{
    const bool held = (v->value[VMCS_GUEST_INTERRUPTIBILITY] & 3) || v->value[VMCS_GUEST_ACTIVITY_STATE] == 1;
    const bool step = (v->value[VMCS_GUEST_RFLAGS] & RFLAGS_TF) && !(v->value[VMCS_GUEST_DEBUGCTL] & DEBUGCTL_BTF);
    return !held || !vmcs12_entry(v, ENTRY_LOAD_DEBUG_CONTROLS) || step == !!(v->value[VMCS_GUEST_PENDING_DEBUG] & PENDING_STEP);
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

#define VIRTUAL_8086           (F(GUEST_RFLAGS) & RFLAGS_VM)
#define INJECTS(type)          ((F(ENTRY_INTR_INFO) & (EVENT_VALID | 0x700)) == (EVENT_VALID | (type)))
#define RFLAGS_IF              (1ull << 9)
#define RFLAGS_RESERVED        0xffffffffffc08028ull
#define PENDING_RESERVED       0xfffffffffffea7f0ull  // bits 3:0, 11 (bus lock), 12, 14, 16 exist

// Each returns the name of the check that failed, or NULL.
#define CHECK_STATE NO_CHECK
#define CHECK_MSR   NO_CHECK
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
#define TEST_GUEST(check, condition, exit_qualification) \
    if (!(condition)) {                                  \
        *qualification = exit_qualification;             \
        return #check;                                   \
    }
#define CHECK_GUEST(check, section, condition, exit_qualification) TEST_GUEST(check, condition, exit_qualification)
static const char *check_guest(const struct vmcs12 *v, uint64_t *qualification)
{
#include "entry_check.def"
    return NULL;
}

#undef CHECK_GUEST
#undef CHECK_STATE

#define CHECK_GUEST NO_CHECK
#define CHECK_STATE(check, section, condition, exit_qualification) TEST_GUEST(check, condition, exit_qualification)
const char *entry_check_state(const struct vmcs12 *v, uint64_t *qualification)
{
#include "entry_check.def"
    return NULL;
}

enum check_result entry_check(const struct vmcs12 *v, uint64_t changed, bool l1_long, const char **name, uint64_t *qualification)
{
    const bool pdpte = !PROC2(ENABLE_EPT) && guest_is_pae(v);

    if (((changed & CHECK_CONTROL_GROUPS) || entry_check_vtpr(v)) && (*name = check_controls(v)) != NULL)
        return CHECK_BAD_CONTROLS;
    if ((F(ENTRY_INTR_INFO) & EVENT_VALID) && (*name = check_event(v, F(ENTRY_INTR_INFO))) != NULL)
        return CHECK_BAD_CONTROLS;
    if ((changed & CHECK_HOST_GROUPS) && (*name = check_host(v, l1_long)) != NULL)
        return CHECK_BAD_HOST;
    if (((changed & CHECK_GUEST_GROUPS) || pdpte || entry_check_link(v)) && (*name = check_guest(v, qualification)) != NULL)
        return CHECK_BAD_GUEST;
    return CHECK_PASSED;
}
