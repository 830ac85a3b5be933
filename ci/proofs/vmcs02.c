// SPDX-License-Identifier: BSD-2-Clause
// Proof: a VMCS02 is on one CPU at a time; after a reset it has what the loader's list says (proof fields_vmcs02), a VPID by its index (proof allot), which is
// neither L1's nor the host's, and its own bitmaps, all ones (I4). One that waits for SIPI is known to.
// CBMC: unwind=7 replace=vmcs_write:contract_write,vmcs_read:contract_read,vmcs02_flush:contract_flush,memory_fill:contract_fill
#include "any_caps.h"
#include "no_machine.h"

#include "../../kernel/vmcs02.c"

uint32_t ept02_generation;
static struct cpu cpu;
static hpa_t current;
static enum vmcs_field watched;
static struct boot_info info;
const struct boot_info *boot_info = &info;
static bool watched_written, host_state, listed, filled[BITMAP_KINDS], flushed, dropped;
static uint64_t watched_value, activity;

uint32_t ept02_bind(uint64_t tag, uint32_t old_top, uint32_t *root) { (void)tag, (void)old_top; *root = any_u32(); return any_u32(); }
uint64_t ept02_pointer(uint32_t top) { (void)top; return any_u64(); }
uint32_t ept02_find(uint64_t tag) { (void)tag; return any_u32(); }
enum status pool_alloc(uint64_t pages, hpa_t *out) { (void)pages; out->v = any_u64() & PAGE_MASK; return any_bool() ? STATUS_OK : STATUS_NO_MEMORY; }
void vmcs_load(struct cpu *self, hpa_t vmcs) { self->vmcs_current = current = vmcs; }
void vmcs_clear(struct cpu *self, hpa_t vmcs) { (void)self, (void)vmcs; }
void vmcs_format(struct cpu *self, hpa_t vmcs, bool shadow) { (void)vmcs, (void)shadow; self->vmcs_current.v = 0; }
void vmcs_init_host_state(struct cpu *self) { (void)self; host_state = listed; }
void vmcs_write_list(struct cpu *self, const struct boot_fields *list)
{
    PROVE(list == &info.vmcs02 && current.v == self->vmcs_current.v && !watched_written, "the loader's list first");
    listed = true;
}
void pin_drop(uint32_t index) { (void)index; dropped = true; }
void vmcs_host_cpu(struct cpu *self) { (void)self; host_state = true; }
void contract_flush(struct vmcs02 *vmcs02) { (void)vmcs02; flushed = true; }

void contract_fill(void *to, uint8_t value, size_t bytes)
{
    PROVE(value == 0xff && bytes == PAGE_BYTES, "all ones");
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++)
        if (hidden_hpa(to).v == (kind + 1) * PAGE_BYTES)
            filled[kind] = true;
}

void contract_write(enum vmcs_field field, uint64_t value)
{
    PROVE(field < VMCS_FIELD_COUNT, "a field");
    if (field == watched) {
        watched_written = true;
        watched_value = value;
    }
}

uint64_t contract_read(enum vmcs_field field)
{
    PROVE(field == VMCS_GUEST_ACTIVITY_STATE && current.v == cpu.vmcs_current.v, "its activity state");
    return activity;
}

static void prove_reset(void)
{
    struct vmcs02 one;
    one.index = any_below(VMCS02_MAX);
    one.region.v = any_u64() & PAGE_MASK;
    ASSUME(one.region.v != 0);
    for (unsigned k = 0; k < BITMAP_KINDS; k++)
        one.bitmap[k].v = (k + 1) * PAGE_BYTES;
    watched = (enum vmcs_field)any_below(VMCS_FIELD_COUNT);
    vmcs02_reset(&one, &cpu);
    PROVE(current.v == one.region.v && host_state && one.host_cpu == cpu.index && flushed, "the region's fields, with the host's state");
    PROVE(filled[BITMAP_MSR] && filled[BITMAP_IO_A] && filled[BITMAP_IO_B], "every MSR and port exits");
    PROVE(one.tag == VMCS02_TAG_NONE && !one.bound && one.eptp == 0 && !one.launched, "on no tree");
    PROVE(one.may_wait, "in whatever activity state");
    switch (watched) {
    case VMCS_VPID: PROVE(watched_written && watched_value >= 2 && watched_value == one.index + 2, "a VPID of its own"); break;
    case VMCS_MSR_BITMAP: PROVE(watched_written && watched_value == one.bitmap[BITMAP_MSR].v, "its bitmap"); break;
    case VMCS_IO_BITMAP_A: PROVE(watched_written && watched_value == one.bitmap[BITMAP_IO_A].v, "its bitmap"); break;
    case VMCS_IO_BITMAP_B: PROVE(watched_written && watched_value == one.bitmap[BITMAP_IO_B].v, "its bitmap"); break;
    default: PROVE(!watched_written, "nothing else but what the lists say"); break;
    }
    PROVE(dropped, "its pins go");
}

static void prove_claim(void)
{
    struct vmcs02 one;
    uint32_t holder = one.active_cpu;
    cpu.index = any_below(CPU_MAX);
    bool reserve = any_bool();
    enum status status = reserve ? vmcs02_reserve(&one, &cpu) : vmcs02_take(&one, &cpu);
    PROVE(status != STATUS_OK || one.active_cpu == cpu.index, "held by this CPU");
    PROVE(status != STATUS_OK || reserve || one.region.v != 0, "with a region");
    PROVE(holder == cpu.index || holder == VMCS02_NO_CPU || (status != STATUS_OK && one.active_cpu == holder), "never taken from another");
}

static void prove_prepare(void)
{
    struct vmcs02 one;
    const uint32_t before = one.host_cpu = any_u32();
    one.region.v = any_u64() & PAGE_MASK;
    cpu.index = any_below(CPU_MAX);
    cpu.vmcs_current.v = any_u64();
    current = cpu.vmcs_current;
    host_state = false;
    activity = any_u32();
    const bool may_wait = one.may_wait = any_bool();
    vmcs02_prepare(&one, &cpu);
    PROVE(current.v == one.region.v && one.host_cpu == cpu.index && (host_state || before == cpu.index), "its exits come to this CPU");
    PROVE(cpu.deaf == (may_wait && activity == 3) && one.may_wait == cpu.deaf, "who waits for SIPI takes no NMI, now and at the next entry");
}

int main(void)
{
    any_caps();
    switch (any_below(3)) {
    case 0: prove_reset(); break;
    case 1: prove_claim(); break;
    default: prove_prepare(); break;
    }
    return 0;
}
