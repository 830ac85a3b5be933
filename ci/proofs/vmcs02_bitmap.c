// SPDX-License-Identifier: BSD-2-Clause
// Proof: in a VMCS02's bitmaps every bit stays set by which L0 watches an MSR or a port, whatever a partition writes into them; what it writes is otherwise what is
// there, and the other quadwords stay (I4). Ports that are opened for a string instruction's step are those of the access and no others, none of them L0's own, and
// what is watched for partitions is again afterwards.
// CBMC: unwind=6
#include "any_caps.h"
#include "no_machine.h"

#define QWORDS 2  // of 512: which one it is doesn't matter
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

static struct boot_info info;
const struct boot_info *boot_info = &info;
static uint64_t of_l1[QWORDS], others[QWORDS];  // of the same kind; of another one
static enum bitmap_kind the_kind;

static void prove_write(struct vmcs02 *one)
{
    uint32_t qword = any_below(QWORDS), other = any_below(QWORDS);
    uint64_t value = any_u64(), before = any_u64(), watched = any_u64();
    theirs[other] = before;
    ours[qword] = any_u64();
    ours[other] = watched;
    ASSUME((watched & ~before) == 0);
    vmcs02_bitmap(one, the_kind, qword, value);  // proof reply_vmcs02 shows kind and quadword to be in range
    PROVE((watched & ~theirs[other]) == 0, "what L0 watches stays watched");
    PROVE(theirs[other] == (other == qword ? value | watched : before), "the quadword gets the partition's bits, the others keep theirs");
}

// An access of up to 4 bytes, and any one port.
static void prove_ports(struct vmcs02 *one)
{
    ASSUME(the_kind != BITMAP_MSR);
    const uint16_t base = the_kind == BITMAP_IO_B ? 0x8000 : 0, first = (uint16_t)any_below(QWORDS * 64 - 4), port = (uint16_t)any_below(QWORDS * 64);
    const unsigned bytes = any_below(5);
    const uint64_t bit = 1ull << port % 64;
    const bool inside = port >= first && port < first + bytes;
    for (unsigned i = 0; i < QWORDS; i++) {
        of_l1[i] = any_u64();
        ours[i] = any_u64() | of_l1[i];
        theirs[i] = any_u64() | ours[i];
    }
    const uint64_t before = theirs[port / 64];
    ASSUME(!(inside && (before & ~ours[port / 64] & bit)));  // what its hypervisor intercepts is that one's, and not stepped over
    const bool opened = vmcs02_ports(one, (uint16_t)(base + first), bytes, true);
    PROVE((of_l1[port / 64] & bit & ~theirs[port / 64]) == 0, "a port of L0's own stays watched");
    PROVE(!(opened && inside) || !((of_l1[port / 64] | theirs[port / 64]) & bit), "the access has its ports, which are not L0's own");
    PROVE(inside || !((before ^ theirs[port / 64]) & bit), "and no others");
    (void)vmcs02_ports(one, (uint16_t)(base + first), bytes, false);
    PROVE(!((before ^ theirs[port / 64]) & bit), "afterwards all is as it was");
}

int main(void)
{
    struct vmcs02 one;
    the_kind = (enum bitmap_kind)any_below(BITMAP_KINDS);
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++) {
        one.bitmap[kind].v = (kind == the_kind ? 5 : 6) * PAGE_BYTES;
        info.watched[ORIGIN_L1][kind] = kind == the_kind ? of_l1 : others;
        info.watched[ORIGIN_L2][kind] = kind == the_kind ? ours : others;
    }
    if (any_bool())
        prove_write(&one);
    else
        prove_ports(&one);
    return 0;
}
