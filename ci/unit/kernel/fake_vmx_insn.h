// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE of the tests (fake_vmcs.c) in the place of the CPU's, and a stack of the kernel's, which is how it knows the CPU: included before
// every source.
#pragma once

#include "../../../kernel/vmx_insn.h"

uint64_t fake_vmread(uint64_t encoding);
void fake_vmwrite(uint64_t encoding, uint64_t value);
void *fake_frame(void);

#define insn_vmread  fake_vmread
#define insn_vmread_to(encoding, to) ((void)(*(to) = fake_vmread(encoding)))
#define insn_vmwrite fake_vmwrite
#define insn_vmwrite_from(encoding, from) fake_vmwrite(encoding, *(from))
#define __builtin_frame_address(level) fake_frame()
