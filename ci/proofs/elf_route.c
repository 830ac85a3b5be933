// SPDX-License-Identifier: BSD-2-Clause
// Proof: a route that check_route() accepts is for an exit that a partition may claim, with groups that it may read (I4, I5).
// CBMC: unwind=80
#include "proof.h"

#include "../../kernel/loader/elf_partition.c"

int main(void)
{
    struct partition_header header;
    struct route_cap one;
    const struct route_cap *route = &one;
    if (check_route(&header, route) != NULL || route->kind == ROUTE_NONE)
        return 0;
    PROVE(route->origin < ORIGIN_COUNT, "a row of the route table");
    PROVE(((route->groups & ~GROUP_GPR) & ~header.vmcs[route->origin != ORIGIN_L1 ? VMCS_KIND_02 : VMCS_KIND_01].read) == 0, "groups that it may read");
    PROVE((route->groups & ~GROUP_GPR) >> GROUP_COUNT == 0 && route->groups_shadow >> GROUP_COUNT == 0, "groups that exist");
    PROVE((route->groups_shadow & ~header.vmcs[VMCS_KIND_SHADOW].read) == 0, "of the shadow VMCS, too");
    if (route->kind == ROUTE_TAKEN || route->origin == ORIGIN_PAL)
        PROVE(header.rights & RIGHT_PAL, "PALs are for who may have them");
    if (route->kind == ROUTE_TAKEN || route->kind == ROUTE_OBSERVE)
        return 0;  // an observer's row names no exit, and its reply changes nothing
    if (route->kind == ROUTE_IN_VMX)
        PROVE(route->origin == ORIGIN_L1 && route->reason >= EXIT_VMCALL && route->reason <= EXIT_INVVPID, "an instruction of L1's VMX operation");
    PROVE(route->reason < EXIT_REASON_COUNT, "an exit of the table");
    if (route->origin == ORIGIN_L1 && route->reason == EXIT_IO)
        PROVE(route->kind == ROUTE_RANGE && route->first == HYPERCALL_PORT && route->last == HYPERCALL_PORT, "of L1's I/O the hypercall port alone");
    if (route->kind == ROUTE_RANGE && route->reason == EXIT_IO)
        PROVE(route->origin != ORIGIN_PAL && route->first <= route->last && route->last <= 0xffff, "ports that there are");
    if (route->origin == ORIGIN_L1)
        PROVE(route->reason != EXIT_EPT_VIOLATION && route->reason != EXIT_EXCEPTION_OR_NMI && route->reason != EXIT_CR_ACCESS &&
              route->reason != EXIT_INIT && route->reason != EXIT_SIPI, "L1's exits by which the kernel keeps the machine are its own");
    return 0;
}
