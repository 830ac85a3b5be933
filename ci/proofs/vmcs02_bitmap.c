// SPDX-License-Identifier: BSD-2-Clause
// Proof: in a VMCS02's bitmaps every bit stays set by which L0 watches an MSR or a port, whatever a partition writes into them; what it writes is otherwise what is
// there, and the other quadwords stay (I4).
// CBMC: unwind=4
#include "any_caps.h"
#include "no_machine.h"

#define QWORDS 8  // of 512: which one it is doesn't matter
static uint64_t theirs[QWORDS], ours[QWORDS];  // of the kind that is written
#define hidden_va hidden_va_of_the_kernel
#include "../../kernel/pool.h"
#undef hidden_va
static inline void *hidden_va(hpa_t hpa)
{
    PROVE(hpa.v == 5 * PAGE_BYTES, "the bitmap of that kind");
    return theirs;
}

#include "../../kernel/vmcs02.c"

uint32_t ept02_generation;
uint32_t ept02_bind(uint64_t tag, uint32_t old_top, uint32_t *root) { (void)tag, (void)old_top, (void)root; return any_u32(); }
uint64_t ept02_pointer(uint32_t top) { (void)top; return any_u64(); }
uint32_t ept02_find(uint64_t tag) { (void)tag; return any_u32(); }
enum status pool_alloc(uint64_t pages, hpa_t *out) { (void)pages, (void)out; return STATUS_NO_MEMORY; }
void vmcs_load(struct cpu *self, hpa_t vmcs) { (void)self, (void)vmcs; }
void vmcs_clear(struct cpu *self, hpa_t vmcs) { (void)self, (void)vmcs; }
void vmcs_format(struct cpu *self, hpa_t vmcs, bool shadow) { (void)self, (void)vmcs, (void)shadow; }
void vmcs_init_host_state(struct cpu *self) { (void)self; }
void vmcs_host_cpu(struct cpu *self) { (void)self; }

static enum bitmap_kind the_kind;
const uint64_t *vmcs01_bitmap(enum bitmap_kind kind) { PROVE(kind == the_kind, "L0's bitmap of that kind"); return ours; }

int main(void)
{
    struct vmcs02 one;
    uint32_t qword = any_below(QWORDS), other = any_below(QWORDS);
    uint64_t value = any_u64(), before = any_u64(), watched = any_u64();
    the_kind = (enum bitmap_kind)any_below(BITMAP_KINDS);
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++)
        one.bitmap[kind].v = (kind == the_kind ? 5 : 6) * PAGE_BYTES;
    theirs[other] = before;
    ours[qword] = any_u64();
    ours[other] = watched;
    ASSUME((watched & ~before) == 0);
    vmcs02_bitmap(&one, the_kind, qword, value);  // proof reply_vmcs02 shows kind and quadword to be in range
    PROVE((watched & ~theirs[other]) == 0, "what L0 watches stays watched");
    PROVE(theirs[other] == (other == qword ? value | watched : before), "the quadword gets the partition's bits, the others keep theirs");
    return 0;
}
