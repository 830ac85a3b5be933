/* SPDX-License-Identifier: BSD-2-Clause */
/* What the domains take from Xen's public interface. */
#pragma once

#include <stdint.h>

#define PORT_XEN_CONSOLE 0xe9U  /* lines appear in Xen's log */
#define CPUID_XEN 0x40000000U   /* EBX, ECX, EDX: XenVMMXenVMM */
#define CPUID_XEN_VERSION 0x40000001U
#define CPUID_XEN_PAGES 0x40000002U  /* EBX: the MSR that makes a page of hypercalls */
#define START_MAGIC 0x336ec578U

enum hypercall { HYPERCALL_MEMORY = 12, HYPERCALL_VERSION = 17, HYPERCALL_SCHEDULE = 29 };
enum { MEMORY_DECREASE = 1, MEMORY_POPULATE = 6, SCHEDULE_YIELD = 0, SCHEDULE_SHUTDOWN = 2 };
enum { SHUTDOWN_POWEROFF = 0, SHUTDOWN_CRASH = 3 };
enum { DOMAIN_SELF = 0x7ff0, HYPERCALL_BYTES = 32 };

struct reservation {
    uint64_t first; /* address of the frame numbers */
    uint64_t count;
    uint32_t order, flags;
    uint16_t domain;
};

/* struct hvm_info_table: what Xen's hvmloader is told. */
#define HVM_INFO 0x9f800UL
#define HVM_INFO_SIGNATURE 0x4f464e49204d5648ULL /* "HVM INFO" */

struct hvm_info {
    uint64_t signature;
    uint32_t length;
    uint8_t checksum, apic_mode;
    uint32_t cpus;
};

/* What an HVM domain's device model emulates. */
#define COM1 0x3f8U
#define COM_LINE_STATUS 5U
#define COM_EMPTY 0x20U
#define PCI_ADDRESS 0xcf8U
#define PCI_DATA 0xcfcU
#define PCI_ENABLE 0x80000000U
#define HOST_BRIDGE 0x12378086U /* i440FX */
