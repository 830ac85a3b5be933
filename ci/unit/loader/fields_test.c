// SPDX-License-Identifier: BSD-2-Clause
// What VMCSs begin with: every field once, L0's own as L0 needs it, L1's as the firmware or INIT left it.
#include "../../../kernel/loader/fields.h"

#include <stdlib.h>

#include <caps/vmcs_field.h>

#include "check.h"

static struct boot_info *info;

static void start(uint32_t allowed1)
{
    info = calloc(1, sizeof(*info));
    info->kernel_tables = 0x7000;
    info->bitmaps = 0x10000;
    info->vmx = (struct vmx_caps){ .cr0_fixed0 = 0x20, .cr4_fixed0 = 0x2000, .host_cr0 = 0x8005003b, .host_cr4 = 0x3020e0 };
    for (unsigned i = 0; i < WORD_COUNT; i++) {
        info->vmx.allowed1[i] = allowed1;
        info->vmx.vmcs01[i] = 0x100 + i;
    }
}

// How often a list has the field, and what for.
static unsigned find(const struct boot_fields *list, enum vmcs_field field, uint64_t *value)
{
    unsigned times = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->write[i].encoding == vmcs_field_info[field].encoding) {
            *value = list->write[i].value;
            times++;
        }
    }
    return times;
}

static uint64_t value_of(const struct boot_fields *list, enum vmcs_field field)
{
    uint64_t value = 0;
    CHECK_EQ(find(list, field, &value), 1);
    return value;
}

static bool is_segment(unsigned field)
{
    return field - VMCS_GUEST_ES_SELECTOR < 8 || field - VMCS_GUEST_ES_BASE < 8 || field - VMCS_GUEST_ES_LIMIT < 8 || field - VMCS_GUEST_ES_ACCESS_RIGHTS < 8;
}

TEST(host_state_is_whole_but_for_what_the_kernel_adds)
{
    start(0xffffffff);
    fields_host(&info->host, info);
    CHECK(info->host.count <= BOOT_FIELDS);
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        uint64_t value;
        bool kernels = field == VMCS_HOST_TR_BASE || field == VMCS_HOST_GDTR_BASE || field == VMCS_HOST_IDTR_BASE || field == VMCS_HOST_SYSENTER_ESP ||
                       field == VMCS_HOST_SYSENTER_EIP || field == VMCS_HOST_RSP || field == VMCS_HOST_RIP || field == VMCS_HOST_PERF_GLOBAL_CTRL;
        if (encoding_class(vmcs_field_info[field].encoding) == CLASS_HOST)
            CHECK_EQ(find(&info->host, (enum vmcs_field)field, &value), kernels ? 0 : 1);
    }
    CHECK_EQ(value_of(&info->host, VMCS_HOST_CR3), 0x7000);
    CHECK_EQ(value_of(&info->host, VMCS_HOST_CR0), 0x8005003b);
    CHECK_EQ(value_of(&info->host, VMCS_HOST_CR4), 0x3020e0);
    CHECK_EQ(value_of(&info->host, VMCS_VMCS_LINK_POINTER), ~0ull);
    CHECK_EQ(value_of(&info->host, VMCS_EXIT_MSR_STORE_COUNT), 0);
    CHECK_EQ(value_of(&info->host, VMCS_TPR_THRESHOLD), 0);
    free(info);
}

TEST(fields_that_the_cpu_lacks_are_left_out)
{
    uint64_t value;
    start(0);
    fields_host(&info->host, info);
    CHECK_EQ(find(&info->host, VMCS_TPR_THRESHOLD, &value), 0);
    CHECK_EQ(find(&info->host, VMCS_VM_FUNCTION_CONTROL, &value), 0);
    CHECK_EQ(find(&info->host, VMCS_CR3_TARGET_COUNT, &value), 1);
    free(info);
}

TEST(vmcs01_gets_l0s_controls_and_l1_as_it_was)
{
    start(0xffffffff);
    struct launch_state launch = { .cr0 = 0x80010033, .cr3 = 0x5000, .cr4 = 0x668, .dr7 = 0x400, .efer = 0xd00, .pat = 6, .debugctl = 1, .sysenter_cs = 8,
                                   .sysenter_esp = 9, .sysenter_eip = 10, .gdtr_base = 11, .idtr_base = 12, .gdtr_limit = 13, .idtr_limit = 14 };
    for (unsigned i = 0; i < LAUNCH_SEGMENTS; i++)
        launch.segment[i] = (struct launch_segment){ .base = 0x1000 + i, .limit = 0x2000 + i, .access_rights = 0x3000 + i, .selector = (uint16_t)(0x4000 + i) };
    struct boot_fields *list = &info->vmcs01[1];
    fields_launch(list, info, &launch);
    const uint32_t count = list->count;
    fields_launch(list, info, &launch);  // the same again, not twice
    CHECK(list->count == count && count <= BOOT_FIELDS);
    CHECK_EQ(value_of(list, VMCS_PIN_CONTROLS), 0x100 + WORD_PIN);
    CHECK_EQ(value_of(list, VMCS_ENTRY_CONTROLS), (0x100 + WORD_ENTRY) | ENTRY_GUEST_IA32E);
    CHECK_EQ(value_of(list, VMCS_VPID), 1);
    CHECK_EQ(value_of(list, VMCS_MSR_BITMAP), info->bitmaps + BITMAP_MSR * PAGE_BYTES);
    CHECK_EQ(value_of(list, VMCS_IO_BITMAP_A), info->bitmaps + BITMAP_IO_A * PAGE_BYTES);
    CHECK_EQ(value_of(list, VMCS_IO_BITMAP_B), info->bitmaps + BITMAP_IO_B * PAGE_BYTES);
    CHECK(value_of(list, VMCS_CR0_GUEST_HOST_MASK) == 0x20 && value_of(list, VMCS_CR4_GUEST_HOST_MASK) == 0x2000);
    CHECK(value_of(list, VMCS_GUEST_CR0) == 0x80010033 && value_of(list, VMCS_CR0_READ_SHADOW) == 0x80010033);  // NE is on
    CHECK(value_of(list, VMCS_GUEST_CR4) == 0x2668 && value_of(list, VMCS_CR4_READ_SHADOW) == 0x668);
    CHECK(value_of(list, VMCS_GUEST_CR3) == 0x5000 && value_of(list, VMCS_GUEST_DR7) == 0x400 && value_of(list, VMCS_GUEST_EFER) == 0xd00);
    CHECK(value_of(list, VMCS_GUEST_PAT) == 6 && value_of(list, VMCS_GUEST_DEBUGCTL) == 1 && value_of(list, VMCS_GUEST_SYSENTER_CS) == 8);
    CHECK(value_of(list, VMCS_GUEST_SYSENTER_ESP) == 9 && value_of(list, VMCS_GUEST_SYSENTER_EIP) == 10);
    CHECK(value_of(list, VMCS_GUEST_GDTR_BASE) == 11 && value_of(list, VMCS_GUEST_IDTR_BASE) == 12);
    CHECK(value_of(list, VMCS_GUEST_GDTR_LIMIT) == 13 && value_of(list, VMCS_GUEST_IDTR_LIMIT) == 14);
    CHECK(value_of(list, VMCS_GUEST_TR_SELECTOR) == 0x4007 && value_of(list, VMCS_GUEST_TR_ACCESS_RIGHTS) == 0x3007);
    CHECK(value_of(list, VMCS_GUEST_ES_BASE) == 0x1000 && value_of(list, VMCS_GUEST_CS_LIMIT) == 0x2001);
    for (uint32_t i = 0; i < count; i++)  // none is the host's, and none twice
        for (uint32_t k = 0; k < count; k++)
            CHECK(encoding_class(list->write[i].encoding) != CLASS_HOST && (i == k || list->write[i].encoding != list->write[k].encoding));
    free(info);
}

TEST(init_leaves_l1_as_the_sdm_says)
{
    start(0xffffffff);
    const struct boot_fields *list = &info->after_init;
    fields_init(&info->after_init, &info->vmx);
    CHECK(list->count <= BOOT_FIELDS);
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {  // of each segment register the last write counts
        uint64_t value = ~0ull;
        unsigned times = find(list, (enum vmcs_field)field, &value);
        CHECK(is_segment(field) ? times >= 1 : times <= 1);
        if (field == VMCS_GUEST_CS_SELECTOR || field == VMCS_GUEST_CS_BASE || field == VMCS_GUEST_CS_ACCESS_RIGHTS)
            CHECK_EQ(value, field == VMCS_GUEST_CS_SELECTOR ? 0xf000 : field == VMCS_GUEST_CS_BASE ? 0xffff0000 : 0x9b);
    }
    CHECK(value_of(list, VMCS_GUEST_RIP) == 0xfff0 && value_of(list, VMCS_GUEST_RFLAGS) == 2 && value_of(list, VMCS_GUEST_DR7) == 0x400);
    CHECK(value_of(list, VMCS_GUEST_CR4) == 0x2000 && value_of(list, VMCS_CR4_READ_SHADOW) == 0);
    CHECK(value_of(list, VMCS_GUEST_EFER) == 0 && value_of(list, VMCS_GUEST_CR3) == 0 && value_of(list, VMCS_GUEST_IDTR_LIMIT) == 0xffff);
    CHECK(value_of(list, VMCS_GUEST_TR_ACCESS_RIGHTS) == 0x8b && value_of(list, VMCS_GUEST_LDTR_ACCESS_RIGHTS) == 0x82);
    free(info);
}

TEST(a_fresh_vmcs02_has_l0s_controls_and_nothing_switched_on)
{
    start(0xffffffff);
    struct boot_fields *list = &info->vmcs02;
    fields_vmcs02(list, &info->vmx);
    CHECK(list->count > WORD_COUNT && list->count <= BOOT_FIELDS);
    CHECK(value_of(list, VMCS_TSC_OFFSET) == 0 && value_of(list, VMCS_VIRTUAL_APIC_ADDR) == 0);
    CHECK_EQ(value_of(list, VMCS_PROC_CONTROLS), info->vmx.forced1[WORD_PROC] | info->vmx.allowed0[WORD_PROC]);
    uint64_t value;
    CHECK(find(list, VMCS_EPTP, &value) == 0 && find(list, VMCS_VPID, &value) == 0 && find(list, VMCS_MSR_BITMAP, &value) == 0);
    free(info);
}
