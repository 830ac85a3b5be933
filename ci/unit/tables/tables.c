// SPDX-License-Identifier: BSD-2-Clause
// Every row of every .def table: what must hold for all of them.

#include <string.h>

#include <caps/cap.h>
#include <caps/exit_reason.h>
#include <caps/ring.h>
#include <caps/status.h>
#include <caps/syscall.h>
#include <caps/vmcs_feature.h>

#include "check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const field_name[] = {
#define FIELD(name, encoding, group, policy, nested, exists) #name,
#include <caps/vmcs_field.def>
#undef FIELD
};
static const char *const group_name[] = {
#define GROUP(name, shadow) #name,
#include <caps/group.def>
#undef GROUP
};
static const struct { const char *name; unsigned number, fault_like; } exit_row[] = {
#define EXIT(name, number, fault_like) { #name, number, fault_like },
#include <caps/exit_reason.def>
#undef EXIT
};
enum { NONE, REQUIRED, WANTED, FORCED, NEVER };
static const struct { const char *name; unsigned word, bit, l0, l1; } control[] = {
#define CONTROL(word, name, bit, l0, l1) { #name, WORD_##word, bit, l0, l1 },
#include <caps/vmx_control.def>
#undef CONTROL
};
static const struct { const char *name; unsigned word, bit; } feature[] = {
#define FEATURE(name, word, bit) { #name, WORD_##word, bit },
#include <caps/vmcs_feature.def>
#undef FEATURE
};
static const struct { const char *name; unsigned bit; } right[] = {
#define RIGHT(name, bit, text) { #name, bit },
#include <caps/right.def>
#undef RIGHT
};
static const struct { const char *name; uint32_t right; } op[] = {
#define OP(name, right, needs) { #name, RIGHT_##right },
#include <caps/op.def>
#undef OP
};
static const struct { const char *name; uint64_t number; } hypercall[] = {
#define HYPERCALL(name, number, who, text) { #name, number },
#include <caps/hypercall.def>
#undef HYPERCALL
};
static const char *const status_row[] = {
#define STATUS(name, text) text,
#include <caps/status.def>
#undef STATUS
};

TEST(fields_are_sorted_and_unique)
{
    CHECK_EQ(COUNT(field_name), VMCS_FIELD_COUNT);
    for (unsigned i = 1; i < VMCS_FIELD_COUNT; i++) {
        // By width, then class, then index: as the SDM lists them; so encodings are unique too.
        CHECK(vmcs_field_info[i].encoding > vmcs_field_info[i - 1].encoding);
        for (unsigned j = 0; j < i; j++)
            CHECK(strcmp(field_name[i], field_name[j]) != 0);
    }
}

TEST(fields_are_consistent)
{
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
        const struct vmcs_field_info *f = &vmcs_field_info[i];
        const enum field_class class = encoding_class(f->encoding);
        CHECK_EQ(f->encoding & ~0x6fffu, 0);         // reserved bits
        CHECK_EQ(f->encoding & 1, 0);                // the full access type
        CHECK_EQ(f->policy == POLICY_READ_ONLY, class == CLASS_INFO);
        CHECK_EQ(f->nested == NESTED_INFO, class == CLASS_INFO);
        CHECK_EQ(f->nested == NESTED_HOST_STATE, class == CLASS_HOST);
        CHECK_EQ(f->group == GROUP_INDEX_HOST, class == CLASS_HOST);
        CHECK_EQ(strncmp(field_name[i], "GUEST_", 6) == 0 && f->encoding != 0x640a && f->encoding != 0x2400,
                 class == CLASS_GUEST && f->encoding != 0x2800 && f->encoding != 0x0812 && f->encoding != 0x482e);
        if (class == CLASS_HOST)                     // I4: host state is the kernel's
            CHECK_EQ(f->policy, POLICY_KERNEL);
        if (f->nested == NESTED_COPY)                // what is copied into a VMCS02 must be writable there
            CHECK(f->policy != POLICY_KERNEL && f->policy != POLICY_READ_ONLY);
    }
}

TEST(fields_that_control_l0_are_the_kernel_s)
{
    const enum vmcs_field kernel[] = { VMCS_EPTP, VMCS_MSR_BITMAP, VMCS_IO_BITMAP_A, VMCS_IO_BITMAP_B, VMCS_VMCS_LINK_POINTER, VMCS_VPID,
        VMCS_EXIT_MSR_STORE_ADDR, VMCS_EXIT_MSR_LOAD_ADDR, VMCS_ENTRY_MSR_LOAD_ADDR, VMCS_EXIT_MSR_STORE_COUNT,
        VMCS_EXIT_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_EXECUTIVE_VMCS, VMCS_VMREAD_BITMAP, VMCS_VMWRITE_BITMAP,
        VMCS_PML_ADDR, VMCS_VE_INFO_ADDR, VMCS_POSTED_INTR_DESC_ADDR, VMCS_EPTP_LIST_ADDR };
    for (unsigned i = 0; i < COUNT(kernel); i++)
        CHECK_EQ(vmcs_field_info[kernel[i]].policy, POLICY_KERNEL);
    const enum vmcs_field masked[] = { VMCS_PIN_CONTROLS, VMCS_PROC_CONTROLS, VMCS_PROC_CONTROLS2, VMCS_EXIT_CONTROLS, VMCS_ENTRY_CONTROLS };
    for (unsigned i = 0; i < COUNT(masked); i++)
        CHECK_EQ(vmcs_field_info[masked[i]].policy, POLICY_MASKED);
    const enum vmcs_field address[] = { VMCS_VIRTUAL_APIC_ADDR, VMCS_APIC_ACCESS_ADDR };
    for (unsigned i = 0; i < COUNT(address); i++)
        CHECK_EQ(vmcs_field_info[address[i]].policy, POLICY_ADDRESS);
}

TEST(groups_have_fields_and_fit_a_mask)
{
    CHECK_EQ(COUNT(group_name), GROUP_COUNT);
    for (unsigned g = 0; g < GROUP_COUNT; g++) {
        unsigned fields = 0;
        for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
            if (vmcs_field_info[i].group != g)
                continue;
            fields++;
            // L1 can only write guest state and control in a shadow VMCS without an exit; exit information it reads, and what it seldom changes.
            const enum field_class class = encoding_class(vmcs_field_info[i].encoding);
            if (group_shadow[g] == SHADOW_READ)
                CHECK(class == CLASS_INFO || class == CLASS_GUEST);
            if (group_shadow[g] == SHADOW_WRITE)
                CHECK(class != CLASS_INFO);
        }
        CHECK(fields > 0);
        for (unsigned h = 0; h < g; h++)
            CHECK(strcmp(group_name[g], group_name[h]) != 0);
    }
}

TEST(exit_reasons_are_sorted_and_unique)
{
    for (unsigned i = 0; i < COUNT(exit_row); i++) {
        CHECK(exit_row[i].number < EXIT_REASON_COUNT);
        CHECK(exit_row[i].fault_like <= 1);
        CHECK(strcmp(exit_reason_name(exit_row[i].number), exit_row[i].name) == 0);
        CHECK(i == 0 || exit_row[i].number > exit_row[i - 1].number);
    }
    CHECK(exit_reason_name(35) == NULL && exit_reason_name(EXIT_REASON_COUNT) == NULL && exit_reason_name(~0u) == NULL);
}

TEST(controls_are_unique)
{
    for (unsigned i = 0; i < COUNT(control); i++) {
        CHECK(control[i].bit < 32 && control[i].word < WORD_COUNT && control[i].l1 <= 1);
        // What a partition can't set can't be offered, but for what is done in software.
        CHECK(control[i].l0 != NEVER || control[i].l1 == 0 || (control[i].word == WORD_PROC2 && (control[i].bit == 14 || control[i].bit == 17 || control[i].bit == 18)));
        for (unsigned j = 0; j < i; j++) {
            CHECK(control[i].word != control[j].word || control[i].bit != control[j].bit);
            CHECK(control[i].word != control[j].word || strcmp(control[i].name, control[j].name) != 0);
        }
    }
}

TEST(features_are_controls)
{
    const uint32_t none[WORD_COUNT] = { 0 }, all[WORD_COUNT] = { ~0u, ~0u, ~0u, ~0u, ~0u };
    CHECK_EQ(COUNT(feature), FEATURE_COUNT);
    for (unsigned i = 0; i < FEATURE_COUNT; i++) {
        bool known = feature[i].word == WORD_ANY;
        for (unsigned j = 0; j < COUNT(control); j++)
            known = known || (control[j].word == feature[i].word && control[j].bit == feature[i].bit);
        CHECK(known);
        CHECK(vmcs_feature_exists((enum vmcs_feature)i, all));
        CHECK_EQ(vmcs_feature_exists((enum vmcs_feature)i, none), feature[i].word == WORD_ANY);
        bool used = false;
        for (unsigned j = 0; j < VMCS_FIELD_COUNT; j++)
            used = used || vmcs_field_info[j].feature == i;
        CHECK(used);
    }
    CHECK(!vmcs_feature_exists(FEATURE_COUNT, all));
}

TEST(rights_operations_hypercalls_statuses)
{
    uint32_t bits = 0, granted = 0;
    for (unsigned i = 0; i < COUNT(right); i++) {
        CHECK(right[i].bit < 32);
        CHECK_EQ(bits & (1u << right[i].bit), 0);
        bits |= 1u << right[i].bit;
    }
    CHECK_EQ(COUNT(op), OP_COUNT);
    for (unsigned i = 0; i < COUNT(op); i++) {
        granted |= op[i].right;
        for (unsigned j = 0; j < i; j++)
            CHECK(strcmp(op[i].name, op[j].name) != 0);
    }
    CHECK_EQ(granted & ~bits, 0);
    for (unsigned i = 0; i < COUNT(hypercall); i++) {
        CHECK_EQ(hypercall[i].number >> 16, 0x4248);
        CHECK(i == 0 || hypercall[i].number > hypercall[i - 1].number);
    }
    CHECK_EQ(COUNT(status_row), STATUS_COUNT);
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        CHECK(strcmp(status_text((enum status)i), status_row[i]) == 0);
    CHECK(status_text((enum status)99) != NULL);
}

TEST(layout_does_not_overlap)
{
    CHECK(IMAGE_BASE + IMAGE_MAX_BYTES <= STATE_BASE);
    CHECK(STATE_BASE + STATE_MAX_BYTES <= INFO_BASE);
    CHECK(INFO_BASE + PAGE_BYTES <= CHANNEL_BASE);
    CHECK(CHANNEL_BASE + CPU_MAX * CHANNEL_STRIDE <= STACK_BASE);
    CHECK(STACK_BASE + CPU_MAX * STACK_STRIDE <= 1ull << 32);
    CHECK(STACK_BYTES < STACK_STRIDE);
    CHECK(1ull << 32 <= WINDOW_BASE && WINDOW_BASE + WINDOW_BYTES <= 1ull << 47);
    CHECK(sizeof(struct partition_header) <= IMAGE_MAX_BYTES);
}
