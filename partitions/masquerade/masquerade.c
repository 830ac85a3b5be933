// SPDX-License-Identifier: BSD-2-Clause
// masquerade, for tests: the hypervisor leaves of CPUID say KVM, with no feature. Linux then takes x2APIC without interrupt remapping, which it
// would not on a machine that it takes for bare.

#include <caps/cpuid.h>
#include <rt/partition.h>
#include <rt/reply.h>

#define SEES (GROUPS_EXIT | GROUPS_RIP | GROUP_GPR)

#define KVM_EBX 0x4b4d564bu  // "KVMK"
#define KVM_ECX 0x564b4d56u  // "VMKV"
#define KVM_EDX 0x4du        // "M"

const struct partition_header header PARTITION_SECTION = {
    PARTITION("masquerade"),
    .vmcs[VMCS_KIND_01] = { .read = GROUPS_EXIT | GROUPS_RIP, .write = GROUP_RIP },
    .routes = { ROUTE_KEYS(L1, CPUID, SEES, CPUID_BULKHEAD, CPUID_BULKHEAD_INFO) },
};

void partition_message(const struct request *req, struct reply *rep)
{
    if (req->kind != MSG_EXIT)
        return;
    const bool first = (uint32_t)req->gpr[GPR_RAX] == CPUID_BULKHEAD;
    reply_gpr(rep, GPR_RAX, first ? CPUID_BULKHEAD_INFO : 0);
    reply_gpr(rep, GPR_RBX, first ? KVM_EBX : 0);
    reply_gpr(rep, GPR_RCX, first ? KVM_ECX : 0);
    reply_gpr(rep, GPR_RDX, first ? KVM_EDX : 0);
    reply_advance_rip(req, rep);
}
