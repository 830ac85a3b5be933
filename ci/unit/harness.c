// SPDX-License-Identifier: BSD-2-Clause
// The kernel's side of messages, for host tests.

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <caps/exit_reason.h>
#include <caps/syscall.h>
#include <rt/channel.h>
#include <rt/message.h>
#include <rt/panic.h>
#include <rt/partition.h>

#include "../../partitions/syscall.h"
#include "harness.h"
#include "world_op.h"

extern const struct partition_header header;

union channel_place rt_channel[CPU_MAX];
const char rt_entry[1], rt_hang[1], rt_fixup_first[1], rt_fixup_last[1], rt_fixup_resume[1], rt_state_bytes[1];

uint32_t world_cpu;
uint64_t world_gpr[GPR_COUNT];
uint32_t world_vmcs02, world_root = ROOT_NONE;
uint64_t world_tag;
uint64_t world_vmreads, world_vmwrites;
char world_log[256];
uint32_t world_log_lines;
enum status (*world_answer_call)(uint32_t index, const uint64_t arg[MSG_ARGS], uint64_t result[MSG_ARGS]);

enum status (*world_read_msr)(uint32_t msr, uint64_t *value);
enum status (*world_load)(uint32_t partition, bool on);

static uint32_t sequence[CPU_MAX];
static jmp_buf message_end, fault_end, cut_end;
static bool fault_expected;

void world_fault(const char *text)
{
    if (fault_expected)
        longjmp(fault_end, 1);
    printf("# the partition faults: %s\n", text);
    fflush(stdout);
    _Exit(1);
}

void rt_panic(const char *text) { world_fault(text); abort(); }

bool world_faults(void (*run)(void))
{
    fault_expected = true;
    const bool faulted = setjmp(fault_end) != 0;
    if (!faulted)
        run();
    fault_expected = false;
    return faulted;
}

static struct request *request_now(void) { return &rt_channel[world_cpu].channel.request[ring_slot(sequence[world_cpu])].request; }
static struct reply *reply_now(void) { return &rt_channel[world_cpu].channel.reply[ring_slot(sequence[world_cpu])].reply; }

uint32_t world_cut, world_cut_again;
bool world_cut_kills;
static uint8_t attempts;

void world_cut_point(void)
{
    if (world_cut > 0 && --world_cut == 0)
        longjmp(cut_end, 1);
}

void syscall_reply(void)
{
    world_cut_point();
    longjmp(message_end, 1);
}

uint64_t syscall_invoke(void)
{
    struct reply *rep = reply_now();
    world_cut_point();
    const enum status status = world_check_batch(rep);
    if (status == STATUS_OK)
        world_apply_batch(rep);
    rep->op_count = 0;
    world_cut_point();
    return status;
}

static void read_groups(uint64_t *bank, uint32_t handle, uint64_t groups)
{
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if ((groups >> vmcs_field_info[field].group) & 1) {
            bank[field] = world_vmcs[handle][field] & width_mask(encoding_width(vmcs_field_info[field].encoding));
            world_vmreads++;
        }
    }
}

uint64_t syscall_fetch(uint64_t handle, uint64_t groups, uint64_t bank)
{
    if (handle == VMCS_HANDLE_L2 && header.rights & (RIGHT_PAL | RIGHT_DEBUG)) {
        if (groups & ~header.vmcs[VMCS_KIND_01].read)
            world_fault("SYS_FETCH: the header does not grant the groups");
        read_groups(request_now()->field[bank], VMCS_HANDLE_02 + WORLD_L2, groups);
        return STATUS_OK;
    }
    if (handle >= VMCS_HANDLE_02 + header.vmcs02_count || bank >= MSG_BANKS)
        world_fault("SYS_FETCH: no such VMCS or bank");
    if (groups & ~header.vmcs[world_vmcs_kind((uint32_t)handle)].read)
        world_fault("SYS_FETCH: the header does not grant the groups");
    read_groups(request_now()->field[bank], (uint32_t)handle, groups);  // the request goes on to say what the route brought, as the kernel's
    return STATUS_OK;
}

uint64_t syscall_call(uint64_t index)
{
    struct outbox *outbox = &rt_channel[world_cpu].channel.out.outbox;
    if (index >= CAP_CALLS || header.calls[index][0] == '\0')
        world_fault("SYS_CALL: the header names no such partition");
    if (!world_answer_call)
        return STATUS_FAULTED;
    return world_answer_call((uint32_t)index, outbox->call_arg, outbox->call_result);
}

uint64_t syscall_read_msr(uint64_t msr)
{
    if (!(header.rights & RIGHT_MSR))
        world_fault("SYS_READ_MSR: the header does not declare RIGHT_MSR");
    if (!world_read_msr)
        return STATUS_UNSUPPORTED;
    return world_read_msr((uint32_t)msr, &rt_channel[world_cpu].channel.out.outbox.call_result[0]);
}

uint64_t syscall_load(uint64_t partition, uint64_t on)
{
    if (!(header.rights & RIGHT_LOAD))
        world_fault("SYS_LOAD: the header does not declare RIGHT_LOAD");
    world_cut_point();
    const enum status status = world_load ? world_load((uint32_t)partition, on == 1) : STATUS_UNSUPPORTED;
    world_cut_point();
    return status;
}

uint64_t syscall_log(uint64_t level, uint64_t bytes)
{
    world_cut_point();
    if (!(header.rights & RIGHT_LOG))
        return STATUS_DENIED;
    if (level >= LOG_LEVELS || bytes > OUTBOX_TEXT)
        world_fault("SYS_LOG: bad argument");
    memcpy(world_log, rt_channel[world_cpu].channel.out.outbox.text, bytes);
    world_log[bytes] = '\0';
    world_log_lines++;
    if (getenv("UNIT_LOG"))
        printf("# log: %s\n", world_log);
    return STATUS_OK;
}

static uint64_t route_key(enum exit_reason reason)
{
    return reason == EXIT_VMCALL ? world_gpr[GPR_RAX] :
           reason == EXIT_IO ? world_vmcs[0][VMCS_EXIT_QUALIFICATION] >> 16 :
           reason == EXIT_CPUID ? (uint32_t)world_gpr[GPR_RAX] : (uint32_t)world_gpr[GPR_RCX];
}

uint64_t world_l2_offset;

static const struct route_cap *route_find(enum msg_origin origin, enum exit_reason reason)
{
    for (unsigned i = 0; i < header.route_count; i++) {
        const struct route_cap *route = &header.routes[i];
        if (route->kind == ROUTE_NONE || route->kind == ROUTE_OBSERVE || route->origin != origin || route->reason != reason)
            continue;
        const uint64_t page = origin == ORIGIN_L1 ? world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_PHYSICAL_ADDR]
                                                  : world_vmcs[VMCS_HANDLE_02 + WORLD_L2][VMCS_GUEST_PHYSICAL_ADDR] + world_l2_offset;
        if (route->kind == ROUTE_TAKEN && !world_owned(page & PAGE_MASK))
            continue;
        if (route->kind == ROUTE_EXIT || route->kind == ROUTE_TAKEN || route->kind == ROUTE_IN_VMX || (route_key(reason) >= route->first && route_key(reason) <= route->last))
            return route;
    }
    return NULL;
}

bool world_routed(enum msg_origin origin, enum exit_reason reason) { return route_find(origin, reason) != NULL; }

// Which verdicts a kind of message can end in.
static const uint8_t verdicts[] = {
    [MSG_INIT] = 1 << VERDICT_RETURN,
    [MSG_EXIT] = 1 << VERDICT_RESUME | 1 << VERDICT_L1 | 1 << VERDICT_L2 | 1 << VERDICT_FORWARD,
    [MSG_ENTRY_FAILED] = 1 << VERDICT_L1 | 1 << VERDICT_L2,
    [MSG_CALL] = 1 << VERDICT_RETURN,
    [MSG_KILL] = 1 << VERDICT_L1 | 1 << VERDICT_L2 | 1 << VERDICT_FORWARD | 1 << VERDICT_RETURN,
};

// SET_ADVANCE, as the kernel does it.
static void advance(uint64_t *field)
{
    const uint64_t before = field[VMCS_GUEST_RIP];
    field[VMCS_GUEST_RIP] += field[VMCS_EXIT_INSTRUCTION_LENGTH];
    world_vmwrites++;
    if ((before ^ field[VMCS_GUEST_RIP]) >> 32 && !(field[VMCS_GUEST_CS_ACCESS_RIGHTS] & 1u << 13))
        field[VMCS_GUEST_RIP] &= 0xffffffff;
    field[VMCS_GUEST_INTERRUPTIBILITY] &= ~3ull;
    if (field[VMCS_GUEST_RFLAGS] & 1u << 8)
        field[VMCS_GUEST_PENDING_DEBUG] |= 1u << 14;
}

static const struct reply *deliver(enum msg_kind kind, enum msg_origin origin, const struct route_cap *route, uint32_t reason,
                                   uint32_t from, const uint64_t *args)
{
    sequence[world_cpu]++;
    struct request *req = request_now();
    struct reply *rep = reply_now();
    const uint32_t handle = origin == ORIGIN_L1 ? VMCS_HANDLE_01 : VMCS_HANDLE_02 + world_vmcs02;

    memset(req, (int)(WORLD_POISON & 0xff), sizeof(*req));
    // Nobody but the partition writes its replies: what lies in bank 0 from an earlier message may be worth keeping to it.
    const size_t bank0 = offsetof(struct reply, field), bank1 = bank0 + sizeof(rep->field[0]);
    memset(rep, (int)(WORLD_POISON & 0xff), bank0);
    memset((char *)rep + bank1, (int)(WORLD_POISON & 0xff), sizeof(*rep) - bank1);
    req->sequence = sequence[world_cpu];
    req->kind = (uint8_t)kind;
    req->origin = (uint8_t)origin;
    req->flags = (uint8_t)((route && route->kind == ROUTE_OBSERVE ? REQUEST_OBSERVED : 0) | (kind == MSG_EXIT && args ? REQUEST_FORWARDED : 0));
    req->attempt = attempts;
    req->cpu = world_cpu;
    req->reason = reason;
    req->from = from;
    req->vmcs02 = world_vmcs02;
    req->tag = world_tag;
    req->root = world_root;
    for (unsigned i = 0; args && i < MSG_ARGS; i++)
        req->arg[i] = args[i];
    req->groups = route ? route->groups : 0;
    req->groups_shadow = route && world_info.shadowing ? route->groups_shadow : 0;
    if (req->groups & GROUP_GPR)
        memcpy(req->gpr, world_gpr, sizeof(req->gpr));
    read_groups(req->field[0], handle, req->groups);
    read_groups(req->field[1], VMCS_HANDLE_SHADOW, req->groups_shadow);

    if (setjmp(cut_end) != 0) {
        (void)world_init(1, 1ull << world_cpu);
        if (world_cut_kills)
            return world_message(MSG_KILL, origin, NULL);
        attempts = 1;
        world_cut = world_cut_again;
        world_cut_again = 0;
        const struct reply *again = deliver(kind, origin, route, reason, from, args);
        attempts = 0;
        return again;
    }
    if (setjmp(message_end) == 0)
        rt_message(world_cpu, req, 0, 0, rep);
    if (req->flags & REQUEST_OBSERVED)
        return rep;
    if (rep->sequence != req->sequence)
        world_fault("a reply with a wrong sequence");
    if (rep->verdict >= VERDICT_COUNT || !(verdicts[kind] >> rep->verdict & 1))
        world_fault("a verdict that does not answer this kind of message");
    if (rep->verdict == VERDICT_L1 && origin == ORIGIN_L2 && !(header.rights & RIGHT_VMCS02))
        world_fault("VERDICT_L1 for an exit of L2 without RIGHT_VMCS02");
    if (rep->verdict == VERDICT_L2 && rep->vmcs02 >= header.vmcs02_count)
        world_fault("VERDICT_L2 names a VMCS02 that the partition does not have");
    if (rep->set & ~SET_ALL)
        world_fault("the reply sets what there isn't");
    const bool l2_goes_on = origin == ORIGIN_L2 && rep->op_count == 0 && rep->verdict == VERDICT_RESUME;
    if ((rep->set & (SET_FLAGS | SET_ADVANCE)) &&
        (kind != MSG_EXIT || !(origin == ORIGIN_L1 ? header.vmcs[VMCS_KIND_01].write & GROUP_RIP : l2_goes_on && (header.vmcs[VMCS_KIND_02].write & GROUP_RIP))))
        world_fault("the reply advances RIP where it may not");
    if (world_check_batch(rep) != STATUS_OK) {
        if (!(rep->set & SET_APPLIED) || attempts != 0)
            world_fault("the kernel refuses the reply");
        attempts = 1;
        const struct reply *again = deliver(kind, origin, route, reason, from, args);
        attempts = 0;
        return again;
    }
    world_apply_batch(rep);
    if (rep->set & SET_APPLIED)
        rt_channel[world_cpu].channel.out.outbox.applied = rep->sequence;
    for (unsigned i = 0; i < GPR_COUNT && kind != MSG_INIT && kind != MSG_CALL; i++)
        if (rep->set & SET_GPR(i))
            world_gpr[i] = rep->gpr[i];
    if (rep->set & SET_ADVANCE)
        advance(world_vmcs[handle]);
    if (rep->set & SET_FLAGS) {
        uint64_t *rflags = &world_vmcs[handle][VMCS_GUEST_RFLAGS];
        *rflags = (*rflags & ~(uint64_t)RFLAGS_STATUS) | (rep->rflags & RFLAGS_STATUS);
        world_vmwrites++;
    }
    return rep;
}

const struct reply *world_exit(enum msg_origin origin, enum exit_reason reason, const uint64_t *args)
{
    const enum exit_reason basic = (enum exit_reason)(reason & EXIT_REASON_BASIC);  // a VM-entry failure has bit 31 as well
    const struct route_cap *route = route_find(origin, basic);
    if (!route) {
        printf("# no route for exit %s\n", exit_reason_name(basic));
        fflush(stdout);
        _Exit(1);
    }
    const uint32_t handle = origin == ORIGIN_L1 ? VMCS_HANDLE_01 : VMCS_HANDLE_02 + world_vmcs02;
    world_vmcs[handle][VMCS_EXIT_REASON] = reason;
    return deliver(MSG_EXIT, origin, route, reason, 0, args);
}

const struct reply *world_observe(enum msg_origin origin, enum exit_reason reason)
{
    const struct route_cap *route = header.routes;
    while (route->kind != ROUTE_OBSERVE || route->origin != origin) {
        if (++route == &header.routes[header.route_count]) {
            printf("# it observes no exit of that origin\n");
            fflush(stdout);
            _Exit(1);
        }
    }
    return deliver(MSG_EXIT, origin, route, reason, 0, NULL);
}

const struct reply *world_init(uint64_t attempt, uint64_t unfinished_cpus)
{
    const uint64_t args[MSG_ARGS] = { attempt, unfinished_cpus };
    return deliver(MSG_INIT, ORIGIN_L1, NULL, 0, 0, args);
}

const struct reply *world_call(uint32_t from, const uint64_t arg[MSG_ARGS])
{
    return deliver(MSG_CALL, ORIGIN_L1, NULL, 0, from, arg);
}

const struct reply *world_message(enum msg_kind kind, enum msg_origin origin, const uint64_t *args)
{
    // A message that failed keeps its exit reason.
    const uint32_t handle = origin == ORIGIN_L1 ? VMCS_HANDLE_01 : VMCS_HANDLE_02 + world_vmcs02;
    const uint32_t reason = kind == MSG_KILL ? (uint32_t)world_vmcs[handle][VMCS_EXIT_REASON] : 0;
    const struct route_cap *route = kind == MSG_KILL ? route_find(origin, (enum exit_reason)(reason & EXIT_REASON_BASIC)) : NULL;
    return deliver(kind, origin, route, reason, 0, args);
}
