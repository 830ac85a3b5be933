// SPDX-License-Identifier: BSD-2-Clause
// From control registers to the paging mode (SDM 3A 4.1.1 "Four Paging Modes").

#include <rt/walk.h>

#define CR0_PG     (1ull << 31)
#define CR0_WP     (1ull << 16)
#define CR4_PSE    (1ull << 4)
#define CR4_PAE    (1ull << 5)
#define CR4_LA57   (1ull << 12)
#define CR4_SMEP   (1ull << 20)
#define CR4_SMAP   (1ull << 21)
#define EFER_LMA   (1ull << 10)
#define EFER_NXE   (1ull << 11)
#define RFLAGS_VM  (1ull << 17)
#define RFLAGS_AC  (1ull << 18)
#define RIGHTS_DPL(rights) (((rights) >> 5) & 3)
#define RIGHTS_L   (1ull << 13)

struct paging paging_from_request(const struct request *req)
{
    const uint64_t *field = req->field[0];
    const uint64_t cr0 = field[VMCS_GUEST_CR0], cr4 = field[VMCS_GUEST_CR4], efer = field[VMCS_GUEST_EFER];
    const uint64_t rflags = field[VMCS_GUEST_RFLAGS];
    struct paging paging = {
        .cr3 = field[VMCS_GUEST_CR3],
        // CPL is SS.DPL; in virtual-8086 mode that is 3 as well (SDM 3C 25.4.1 "Guest Register State").
        .user = RIGHTS_DPL(field[VMCS_GUEST_SS_ACCESS_RIGHTS]) == 3,
        .long_code = (efer & EFER_LMA) && (field[VMCS_GUEST_CS_ACCESS_RIGHTS] & RIGHTS_L),
        .write_protect = cr0 & CR0_WP,
        .large_32 = cr4 & CR4_PSE,
        .no_execute = efer & EFER_NXE,
        .smep = cr4 & CR4_SMEP,
        .smap = cr4 & CR4_SMAP,
        .alignment_check = (rflags & RFLAGS_AC) && !(rflags & RFLAGS_VM),
    };
    if (!(cr0 & CR0_PG)) {
        paging.mode = PAGING_NONE;
    } else if (!(cr4 & CR4_PAE)) {
        paging.mode = PAGING_32;
        paging.no_execute = false;
    } else if (!(efer & EFER_LMA)) {
        paging.mode = PAGING_PAE;
        if (req->groups & GROUP_PDPTE) {
            paging.pdpte_known = true;
            for (unsigned i = 0; i < 4; i++)
                paging.pdpte[i] = field[VMCS_GUEST_PDPTE0 + i];
        }
    } else {
        paging.mode = (cr4 & CR4_LA57) ? PAGING_5_LEVEL : PAGING_4_LEVEL;
    }
    return paging;
}
