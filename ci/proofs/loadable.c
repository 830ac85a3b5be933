// SPDX-License-Identifier: BSD-2-Clause
// Proof: a partition comes and goes by loadable_set() as a whole: it is not unloaded while a page of L1's or a VMCS is its own, nor while a CPU may be in it;
// what it leaves is cleared before it is dormant; it finds its seed at each load; its routes are there when it is ready, and only then; refused, it is as it was (I3, I8).
// CBMC: unwind=5 replace=memory_fill:contract_fill,memory_copy:contract_copy
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 1
#include "no_machine.h"
#include "proof.h"

#include "../../kernel/loadable.c"

static struct cpu cpu;
static struct partition partition;
static struct records_partition record;
static struct channel channel;
static struct vmcs02 vmcs02;
static bool stopped, begun, scrubbed, linked, held_at_stop, init_fails, given_up, seeded;
static unsigned channels_cleared, asked;
static uint32_t taken;

uint32_t cpu_count = 1;

struct vmcs02 *vmcs02_at(uint32_t index)
{
    PROVE(index == 7, "one of its own");
    return &vmcs02;
}

// Until it is stopped a message of its may take and give.
uint32_t ept01_taken(void)
{
    asked++;
    if (!stopped && record.state != PARTITION_DORMANT) {
        taken = any_u32();
        vmcs02.active_cpu = any_u32();
    }
    return taken;
}

bool partition_stop(struct partition *one, struct cpu *self, enum partition_state from)
{
    PROVE(one == &partition && self == &cpu && !stopped, "once");
    if (record.state != from)
        return false;
    record.state = PARTITION_STOPPING;
    if (from != PARTITION_DORMANT) {  // who is dormant has had none since it was unloaded
        taken = any_u32();
        vmcs02.active_cpu = any_u32();
    }
    held_at_stop = taken != 0 || vmcs02.active_cpu != VMCS02_NO_CPU;
    return stopped = true;
}

enum status partition_begin(struct partition *one, struct cpu *self)
{
    PROVE(one == &partition && self == &cpu && stopped && !linked, "before anybody sees it");
    PROVE(seeded == (partition.header.seed != 0), "with its seed");
    begun = true;
    taken = any_u32();
    vmcs02.active_cpu = any_u32();
    return init_fails ? STATUS_FAULTED : STATUS_OK;
}

void partition_revive(struct partition *one, struct cpu *self)
{
    PROVE(one == &partition && self == &cpu && stopped && linked && !scrubbed, "as it was");
    record.state = PARTITION_READY;
    stopped = false;
}

enum status ipc_give_up(const struct partition *one, struct partition_cpu *slot)
{
    PROVE(one == &partition && slot == &partition.cpu[0] && begun && init_fails, "of an init that has failed");
    given_up = true;
    return STATUS_FAULTED;
}

void partition_park(struct partition *one)
{
    PROVE(one == &partition && stopped && !linked && !scrubbed && (taken != 0 || vmcs02.active_cpu != VMCS02_NO_CPU), "with what it has taken");
    record.state = PARTITION_PARKED;
}

void route_link(struct partition *one, bool on)
{
    PROVE(one == &partition && stopped && linked != on, "while nobody is in it");
    linked = on;
}

void exit_routes(void) {}
void space_scrub(const struct space *space)
{
    PROVE(space == &partition.space && stopped && !linked && taken == 0, "none of its pages is L1's");
    scrubbed = true;
}

void contract_fill(void *to, uint8_t value, size_t bytes)
{
    const struct request *request = &channel.request[channels_cleared].request;
    PROVE(value == 0 && to == &request->reason && (uint8_t *)to + bytes == (const uint8_t *)(request + 1), "all of a request behind the CPU's number");
    channels_cleared++;
}

void contract_copy(void *to, const void *from, size_t bytes)
{
    PROVE(stopped && !seeded && from == &partition.seed && bytes == sizeof(struct seed), "its own, while nobody is in it");
    PROVE((uint64_t)to == HIDDEN_BASE + partition.space.state.v + partition.header.seed - STATE_BASE, "where its header says");
    seeded = true;
}

// Another CPU, whose message failed too often, may park it before.
bool partition_settle(struct partition *one, enum partition_state state)
{
    PROVE(one == &partition && stopped, "that was stopped");
    stopped = false;
    if (any_bool())
        record.state = PARTITION_PARKED;
    if (record.state == PARTITION_PARKED)
        return false;
    PROVE(state == (linked ? PARTITION_READY : PARTITION_DORMANT), "its routes are there when it is ready");
    PROVE(linked || (scrubbed && channels_cleared == RING_SLOTS && !partition.cpu[0].incomplete), "dormant, it has left nothing");
    record.state = state;
    return true;
}

int main(void)
{
    const bool on = any_bool();
    partition.record = &record;
    partition.cpu[0].channel = &channel;
    partition.slot[0] = &partition.cpu[0];
    partition.cpu[0].inject_again = any_bool();
    partition.inject.on_request = any_bool();
    partition.injections = any_u32();
    partition.cpu[0].incomplete = any_bool();
    partition.vmcs02_first = 7;
    partition.header.vmcs02_count = 1;
    partition.header.rights = RIGHT_PAL;
    partition.header.seed = any_bool() ? 0 : STATE_BASE + 8 * (uint64_t)any_below(100);
    record.state = any_below(PARTITION_DORMANT + 1);
    const uint32_t before = record.state;
    linked = before != PARTITION_DORMANT;
    init_fails = any_bool();
    vmcs02.active_cpu = VMCS02_NO_CPU;
    const enum status status = loadable_set(&partition, &cpu, on);
    PROVE(!stopped, "nobody waits for it");
    if (status == STATUS_OK) {
        PROVE(before == (on ? PARTITION_DORMANT : PARTITION_READY) && record.state == (on ? PARTITION_READY : PARTITION_DORMANT), "from one to the other");
        PROVE(on ? begun && !init_fails && record.restarts == 0 : scrubbed && !held_at_stop, "it has begun, or nothing was its own");
    } else if (record.state == PARTITION_PARKED) {
        PROVE(status == STATUS_FAULTED || (status == STATUS_BUSY && before == PARTITION_PARKED && !on), "parked, and it says so; or what it had is still its own");
    } else {
        PROVE(record.state == before && linked == (before != PARTITION_DORMANT), "as it was");
        PROVE(status == STATUS_FAULTED ? on && given_up && scrubbed : !scrubbed, "its memory, too, but where its init has failed");
        PROVE(status != STATUS_BAD_STATE || before == (on ? PARTITION_READY : PARTITION_DORMANT), "what was asked for is so already");
    }
    return 0;
}
