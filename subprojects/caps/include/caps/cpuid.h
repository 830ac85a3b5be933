// SPDX-License-Identifier: BSD-2-Clause
// How software in L1 finds Bulkhead: the hypervisor leaves of CPUID.
#pragma once

// Leaf 0x40000000: EAX = highest leaf, EBX ECX EDX = "BulkheadVTx\0". Leaf 0x40000001: EAX = ABI, EBX = number of
// partitions, ECX = CPUs launched, EDX = 0.
#define CPUID_BULKHEAD      0x40000000u
#define CPUID_BULKHEAD_INFO 0x40000001u
#define CPUID_BULKHEAD_EBX  0x6b6c7542u  // "Bulk"
#define CPUID_BULKHEAD_ECX  0x64616568u  // "head"
#define CPUID_BULKHEAD_EDX  0x00785456u  // "VTx"
