// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE of the tests (fake_vmcs.c) in the place of the CPU's: included before every source.
#pragma once

#include "../../../kernel/vmx_insn.h"

uint64_t fake_vmread(uint64_t encoding);
void fake_vmwrite(uint64_t encoding, uint64_t value);

#define insn_vmread  fake_vmread
#define insn_vmread_to(encoding, to) ((void)(*(to) = fake_vmread(encoding)))
#define insn_vmwrite fake_vmwrite
