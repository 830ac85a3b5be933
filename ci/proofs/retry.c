// SPDX-License-Identifier: BSD-2-Clause
// Proof: request_build() of a message that comes again loads no VMCS02 that its partition has given up, which another CPU may have: it tells what the
// attempt before told. Of one that this CPU holds, and of L1's exits, the fields are read again; at the first attempt they always are (I8).
// CBMC: unwind=4 replace=memory_copy:contract_copy,group_read:contract_read,group_read_exit:contract_read_exit,group_read_fields:contract_read_fields,vmcs02_root:contract_root
#include "no_machine.h"
#include "proof.h"

#include "../../kernel/ipc.c"

static struct cpu cpu;
static struct vmcs02 vmcs02;
static struct channel channel;
static struct partition partition;
static const void *copied_from;
static bool loaded, read;

void vmcs_load(struct cpu *self, hpa_t vmcs)
{
    PROVE(vmcs.v == self->vmcs01.v || vmcs.v == self->shadow.v || vmcs02.active_cpu == self->index, "a VMCS that this CPU holds");
    self->vmcs_current = vmcs;
    loaded = vmcs.v == vmcs02.region.v;
}

uint32_t contract_root(const struct vmcs02 *one) { (void)one; return any_u32(); }
void contract_copy(void *to, const void *from, size_t bytes)
{
    const struct request *request = &channel.request[ring_slot(partition.cpu[0].sequence)].request;
    if (to == request->field[0]) {
        PROVE(bytes == sizeof(request->field[0]), "all of a bank's fields");
        copied_from = from;
    }
}

static void reads(const uint64_t *bank)
{
    const bool first = bank == channel.request[ring_slot(partition.cpu[0].sequence)].request.field[0];
    if (first)
        PROVE(cpu.vmcs_current.v == (cpu.vmcs02 != NULL ? vmcs02.region.v : cpu.vmcs01.v), "of the VMCS that exited");
    read |= first;
}

void contract_read(struct cpu *self, uint64_t groups, uint64_t *bank) { (void)self, (void)groups; reads(bank); }
void contract_read_exit(struct cpu *self, uint64_t groups, const struct group_list *list, uint64_t *bank) { (void)self, (void)groups, (void)list; reads(bank); }

void contract_read_fields(uint64_t count, const struct group_field *end, uint64_t *bank) { (void)count, (void)end; reads(bank); }

int main(void)
{
    struct message message;
    static const struct group_field listed;
    static const uint64_t arg[MSG_ARGS];
    const uint8_t attempt = any_u8();
    struct partition_cpu *slot = &partition.cpu[0];
    ASSUME(message.kind <= MSG_KILL && message.origin < ORIGIN_COUNT);
    message.list = any_bool() && (message.groups & ~GROUP_GPR) ? (struct group_list){ &listed, &listed + 1 } : (struct group_list){ NULL, NULL };  // proof group_list
    message.list_shadow = any_bool() ? (struct group_list){ &listed, &listed + 1 } : (struct group_list){ NULL, NULL };
    message.arg = any_bool() ? arg : NULL;
    vmcs02.region.v = 0x1000;
    vmcs02.active_cpu = any_u32();
    cpu.vmcs01.v = 0x2000;
    cpu.shadow.v = any_bool() ? 0x3000 : 0;
    cpu.shadowing = cpu.shadow.v != 0;
    cpu.vmcs02 = message.origin != ORIGIN_L1 ? &vmcs02 : NULL;
    ASSUME(attempt != 0 || cpu.vmcs02 == NULL || vmcs02.active_cpu == cpu.index);  // at an exit, and route.c's held()
    cpu.vmcs_current.v = cpu.vmcs02 != NULL && vmcs02.active_cpu == cpu.index && any_bool() ? 0x1000 : cpu.vmcs01.v;
    partition.slot[0] = slot;
    slot->channel = &channel;
    slot->sequence = 4;  // bound: of the slots it does not matter which, see proof ring
    struct request *request = &channel.request[ring_slot(slot->sequence)].request, *before = &channel.request[ring_slot(slot->sequence - 1)].request;
    struct request *before_init = &channel.request[ring_slot(slot->sequence - 2)].request;
    before->kind = any_bool() ? MSG_INIT : MSG_EXIT;
    request_build(&cpu, &partition, request, &message, &message, attempt);
    if (!(message.groups & ~GROUP_GPR)) {
        PROVE(!read && copied_from == NULL, "nobody asks for fields");
        return 0;
    }
    const bool given_up = cpu.vmcs02 != NULL && vmcs02.active_cpu != cpu.index;
    PROVE(read == !given_up && (copied_from != NULL) == given_up, "its fields, or those of before");
    if (given_up)
        PROVE(!loaded && copied_from == (before->kind == MSG_INIT ? before_init : before)->field[0], "of the attempt before, which a MSG_INIT may have followed");
    return 0;
}
