// SPDX-License-Identifier: BSD-2-Clause
// VMX operation of the bench, and its one VMCS.
#pragma once

#include <stdint.h>

#include <caps/vmcs_field.h>

// Turns VMX on and makes a VMCS current whose L2 is 64-bit, at CPL 0, in this address space, with interrupts off; CPUID and VMCALL exit.
// What the CPU lacks or refuses ends the bench with one line.
void vmcs12_prepare(uint64_t eptp);
uint64_t vmcs12_region(void);

// VMREAD and VMWRITE that must succeed.
uint64_t vmcs12_read(enum vmcs_field field);
void vmcs12_write(enum vmcs_field field, uint64_t value);
