// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE of the tests (fake_vmcs.c) in the place of the CPU's, and a stack of the kernel's, which is how it knows the CPU: included before
// every source.
#pragma once

#include "../../../kernel/vmx_insn.h"

uint64_t fake_vmread(uint64_t encoding);
void fake_vmwrite(uint64_t encoding, uint64_t value);
void *fake_frame(void);

#define insn_vmread  fake_vmread
#define insn_vmwrite fake_vmwrite
#define FAKE_LIST(end, count, action)                                                                          \
    do {                                                                                                       \
        for (const struct group_field *fake_one = (end) - (count); fake_one < (end); fake_one++)               \
            action;                                                                                            \
    } while (0)
#define insn_vmread_list(end, count, bank)  FAKE_LIST(end, count, (bank)[fake_one->field] = fake_vmread(fake_one->encoding))
#define insn_vmwrite_list(end, count, bank) FAKE_LIST(end, count, fake_vmwrite(fake_one->encoding, (bank)[fake_one->field]))
#define __builtin_frame_address(level) fake_frame()
