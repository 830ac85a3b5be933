// SPDX-License-Identifier: BSD-2-Clause
// Crash records. Each takes the place of the last but one.
#include "crash.h"

#include "group.h"
#include "log.h"
#include "memory.h"
#include "msr.h"
#include "partition.h"
#include "pool.h"
#include "spinlock.h"
#include "tlb_insn.h"
#include "vmcs.h"
#include "vmcs02.h"

static struct crash_area *area;  // NULL: too early for a record
static struct spinlock lock;
static uint32_t generation, faults;

void crash_init(const struct boot_info *info)
{
    area = hidden_va((hpa_t){ info->crash_base + sizeof(struct crash_record) });
    generation = info->crash_generation;
}

// A word of a stack: a partition's, or, by its address itself, this CPU's own below its guard pages.
static const uint64_t *stack_word(const struct crash_scene *scene, uint64_t va)
{
    if (scene->partition != NULL)
        return space_peek(&scene->partition->space, va);
    uint64_t offset = va % CPU_BLOCK_BYTES;
    bool mine = va - offset == (uintptr_t)__builtin_frame_address(0) / CPU_BLOCK_BYTES * CPU_BLOCK_BYTES && va % sizeof(uint64_t) == 0;
    bool stack = (offset >= CPU_IST_GUARD + PAGE_BYTES && offset < CPU_NMI_TOP) || offset >= CPU_STACK_GUARD + PAGE_BYTES;
    return mine && stack ? (const uint64_t *)va : NULL;
}

// Return addresses by frame pointers, the first is scene->rip: of the partition, or of the kernel on this CPU. Returns how many.
static unsigned backtrace(const struct crash_scene *scene, uint64_t address[CRASH_BACKTRACE])
{
    if (scene->rip == 0)
        return 0;
    unsigned count = 0;
    uint64_t frame = scene->frame;
    address[count++] = scene->rip;
    while (count < CRASH_BACKTRACE) {
        const uint64_t *next = stack_word(scene, frame), *back = stack_word(scene, frame + sizeof(uint64_t));
        if (next == NULL || back == NULL || *back == 0)
            break;
        address[count++] = *back;
        if (*next <= frame)
            break;
        frame = *next;
    }
    return count;
}

static void log_backtrace(const struct crash_scene *scene)
{
    uint64_t address[CRASH_BACKTRACE];
    char text[CRASH_BACKTRACE * 18] = "";
    unsigned used = 0, count = backtrace(scene, address);
    for (unsigned i = 0; i < count; i++)
        used += log_format(text + used, (unsigned)sizeof(text) - used, i == 0 ? "%lx" : ",%lx", address[i]);
    if (count > 0)
        log_line(LOG_ERROR, "%s%s backtrace=%s", scene->partition != NULL ? "fault partition=" : "panic", scene->partition != NULL ? scene->partition->name : "", text);
}

// The rings of the partition: the last messages of each CPU, and the one that this CPU handles.
static void take_rings(struct crash_record *record, const struct partition *partition, uint32_t cpu)
{
    record->message_cpus = cpu_count;
    for (uint32_t c = 0; c < cpu_count; c++) {
        const struct partition_cpu *slot = &partition->cpu[c];
        for (uint32_t i = 0; i < RING_SLOTS; i++) {
            uint32_t place = ring_slot(slot->sequence + 1 + i);
            const struct request *request = &slot->channel->request[place].request;
            const struct reply *reply = &slot->channel->reply[place].reply;
            record->message[c][i] = (struct crash_message){
                .sequence = request->sequence, .kind = request->kind, .origin = request->origin, .attempt = request->attempt,
                .reason = request->reason, .verdict = reply->verdict, .op_count = reply->op_count, .arg0 = request->arg[0],
            };
        }
    }
    record->request = partition->cpu[cpu].channel->request[ring_slot(partition->cpu[cpu].sequence)].request;
}
_Static_assert(CRASH_RINGS == RING_SLOTS, "all of a ring");

static void take_history(struct crash_record *record, const struct cpu *cpu)
{
    const struct event_ring *events = &cpu->records.events;
    for (uint32_t n = events->next > CRASH_EVENTS ? events->next - CRASH_EVENTS : 0; n != events->next; n++)
        record->event[record->event_count++] = event_shown(events->slot[n % EVENT_SLOTS]);
    uint64_t head = records->machine.log_head;
    for (uint64_t n = head > CRASH_LINES ? head - CRASH_LINES : 0; n != head; n++)
        memory_copy(record->line[record->line_count++], records->log[n % RECORDS_LINES].text, RECORDS_TEXT);
}

// VMCS01 with what the L2 ran on, else with what L1 prepares. A PAL's is nobody's business, nor one that was given up: another CPU may have it.
static void take_vmcss(struct crash_record *record, struct cpu *cpu)
{
    const bool ran = cpu->vmcs02 != NULL && !cpu->vmcs02->pal && cpu->vmcs02->active_cpu == cpu->index;
    const hpa_t before = cpu->vmcs_current, region[CRASH_VMCSS] = { cpu->vmcs01, ran ? cpu->vmcs02->region : cpu->shadow };
    for (unsigned i = 0; i < CRASH_VMCSS && region[i].v != 0; i++) {
        if (!vmcs_try(cpu, region[i]))
            continue;  // that may be why there is a record at all
        group_read(cpu, (1ull << GROUP_COUNT) - 1, record->vmcs[i].field);
        record->vmcs[i].kind = i == 0 ? CRASH_VMCS_01 : ran ? CRASH_VMCS_02 : CRASH_VMCS_SHADOW;
    }
    if (before.v != 0 && !vmcs_try(cpu, before))
        cpu->vmcs_current = (hpa_t){ 0 };
}

void crash_write(const struct crash_scene *scene, const char *text)
{
    struct cpu *cpu = cpu_table[cpu_index()];
    log_backtrace(scene);
    if (area == NULL || cpu == NULL)
        return;
    if (scene->kind != CRASH_PANIC)
        spinlock_acquire(&lock);
    struct crash_record *record = &area->slot[generation % CRASH_SLOTS];
    memory_fill(record, 0, sizeof(*record));
    faults += scene->kind == CRASH_FAULT;
    record->bytes = sizeof(*record);
    record->abi = CAP_ABI;
    record->generation = generation++;
    record->kind = scene->kind;
    record->cpu = cpu->index;
    record->faults = faults;
    record->tsc = tsc_read();
    memory_copy(&record->machine, &records->machine, sizeof(record->machine));
    log_format(record->text, sizeof(record->text), "%s", text);
    record->rip = scene->rip;
    record->rflags = scene->rflags;
    record->cr2 = scene->cr2;
    record->vector = scene->vector;
    record->error = scene->error;
    if (scene->gpr != NULL)
        memory_copy(record->gpr, scene->gpr, sizeof(record->gpr));
    record->gpr[GPR_RSP] = scene->rsp;
    record->backtrace_count = backtrace(scene, record->backtrace);
    take_history(record, cpu);
    if (cpu->launched)
        take_vmcss(record, cpu);
    const struct partition *partition = scene->partition != NULL ? scene->partition : cpu->partition;
    if (partition != NULL) {
        memory_copy(record->partition, partition->record->name, sizeof(record->partition));
        if (records->machine.channels[partition->index] != 0)  // not where a PAL's registers may be among them
            take_rings(record, partition, cpu->index);
    }
    record->checksum = crash_checksum(record);
    record->magic = CRASH_MAGIC;
    for (const char *line = (const char *)record; line < (const char *)(record + 1); line += CACHE_LINE_BYTES)
        insn_clflush(line);
    if (scene->kind != CRASH_PANIC)
        spinlock_release(&lock);
}
