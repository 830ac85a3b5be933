// SPDX-License-Identifier: BSD-2-Clause
// Proof: cap_check() grants nothing that the header doesn't declare, whatever kind, object and groups are asked for (I4, I5).
// CBMC: unwind=1
#include "proof.h"

#include "../../kernel/cap.h"

#define ALL_GROUPS ((1ull << GROUP_COUNT) - 1)

int main(void)
{
    struct partition_header header;
    enum cap_kind kind = (enum cap_kind)any_u32();
    uint32_t object = any_u32();
    uint64_t groups = any_u64();
    ASSUME(header.vmcs02_count <= VMCS02_OWN_MAX);  // the loader's read_header()
    if (!cap_check(&header, kind, object, groups))
        return 0;

    const bool is_l2 = object == VMCS_HANDLE_L2, is_02 = object >= 2 && !is_l2, owns_02 = (header.rights >> 4 & 1) && object - 2 < header.vmcs02_count;
    switch (kind) {
    case CAP_NOTHING: break;
    case CAP_RIGHT:
        PROVE((header.rights & object) == object, "a right is declared");
        break;
    case CAP_READ: case CAP_WRITE: {
        const struct vmcs_cap *cap = &header.vmcs[object == 0 || is_l2 ? 0 : object == 1 ? 1 : 2];
        uint64_t declared = kind == CAP_READ ? cap->read : cap->write;
        PROVE(!is_02 || owns_02, "a VMCS02 is the partition's own");
        PROVE(!is_l2 || (header.rights & RIGHT_PAL) || (kind == CAP_READ && (header.rights & RIGHT_DEBUG)), "or that of the L2 that a PAL's partition serves, or at which the debugger looks");
        PROVE((groups & ~declared) == 0, "groups are declared");
        PROVE((groups & ~ALL_GROUPS) == 0, "groups exist, and GPRs aren't one");
        break;
    }
    case CAP_VMCS02: PROVE(is_02 && owns_02, "a VMCS02 is the partition's own"); break;
    case CAP_ROOT: PROVE((header.rights >> 6 & 1) && object < header.root_count, "an EPT02 root is the partition's own"); break;
    case CAP_CALL: PROVE(object < CAP_CALLS && header.calls[object][0] != 0, "a call is declared"); break;
    default: PROVE(false, "an unknown kind grants nothing");
    }
    return 0;
}
