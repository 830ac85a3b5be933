// SPDX-License-Identifier: BSD-2-Clause
// A task switch in the SDM's steps: everything that can fault in the old task first, then the registers, then the descriptors, in the new one.

#include "task.h"

#include <rt/guest.h>
#include <rt/info.h>
#include <rt/linear.h>
#include <rt/reply.h>
#include <rt/string.h>

#include "segment.h"
#include "tss.h"

#define CR0_TS       (1ull << 3)
#define CR0_PG       (1ull << 31)
#define RFLAGS_FIXED 0x2u
#define RFLAGS_NT    (1u << 14)
#define RFLAGS_VM    (1u << 17)
#define RFLAGS_KNOWN 0x3f7fd7u       // all that 32-bit code can set
#define DR7_LOCAL    0x155ull        // local breakpoints and LE
#define PDPTE_PRESENT 1ull
#define PDPTE_RESERVED 0x1e6ull      // and the bits from MAXPHYADDR on (SDM 3A Table 4-8)
#define BLOCKING_NMI  8u

// Bits 31:30 of the exit qualification (SDM 3C Table 28-2).
enum source { FROM_CALL, FROM_IRET, FROM_JMP, FROM_GATE };

struct task {
    const struct request *req;
    uint64_t *field, *gpr;
    struct task_fault *fault;
    struct paging paging;
    enum source source;
    uint16_t selector;
    bool nested;                     // the old task stays busy, and the new one's link leads to it
    uint32_t external;               // EXT of error codes: the switch comes from an event that isn't a software interrupt
};

// Always false.
static bool fail(struct task *task, enum vector vector, uint32_t error)
{
    *task->fault = (struct task_fault){ (uint32_t)vector, error, 0 };
    return false;
}

static bool fail_selector(struct task *task, enum vector vector, uint16_t selector)
{
    return fail(task, vector, (selector & ~SELECTOR_RPL) | task->external);
}

static bool walked(struct task *task, enum walk walk, gva_t address, uint32_t error)
{
    if (walk == WALK_OK)
        return true;
    if (walk != WALK_FAULT)
        return fail(task, VECTOR_GP, 0);  // no memory there
    *task->fault = (struct task_fault){ VECTOR_PF, error, address.v };
    return false;
}

static bool read(struct task *task, uint32_t from, void *to, uint32_t bytes)
{
    gva_t address = { 0 };
    uint32_t error = 0;
    enum walk walk = linear_copy_in(&task->paging, to, (gva_t){ from }, bytes, ACCESS_SYSTEM, &address, &error);
    return walked(task, walk, address, error);
}

static bool write(struct task *task, uint32_t to, const void *from, uint32_t bytes, unsigned access)
{
    gva_t address = { 0 };
    uint32_t error = 0;
    enum walk walk = linear_copy_out(&task->paging, (gva_t){ to }, from, bytes, access, &address, &error);
    return walked(task, walk, address, error);
}

// Where the descriptor lies. false: beyond its table.
static bool descriptor_place(const struct task *task, uint16_t selector, uint32_t *place)
{
    const uint64_t *field = task->field;
    const bool local = selector & SELECTOR_LDT;
    if (local && (field[VMCS_GUEST_LDTR_ACCESS_RIGHTS] & RIGHTS_UNUSABLE))
        return false;
    *place = (uint32_t)field[local ? VMCS_GUEST_LDTR_BASE : VMCS_GUEST_GDTR_BASE] + (selector & 0xfff8u);
    return (selector | 7u) <= field[local ? VMCS_GUEST_LDTR_LIMIT : VMCS_GUEST_GDTR_LIMIT];
}

// bad: the fault where there is none.
static bool descriptor_read(struct task *task, uint16_t selector, enum vector bad, uint32_t *place, uint64_t *raw)
{
    if (!descriptor_place(task, selector, place))
        return fail_selector(task, bad, selector);
    return read(task, *place, raw, sizeof(*raw));
}

// Bits of the access byte.
static bool descriptor_mark(struct task *task, uint32_t place, uint64_t raw, uint32_t set, uint32_t clear)
{
    const uint8_t rights = (uint8_t)(raw >> 40), changed = (uint8_t)((rights | set) & ~clear);
    return changed == rights || write(task, place + 5, &changed, sizeof(changed), ACCESS_SYSTEM);
}

static bool is_32_bit(uint32_t rights) { return rights & TYPE_TSS_32_BIT; }

// Steps 1 to 5: the descriptor is what a switch of this kind may lead to.
static bool find_new(struct task *task, uint32_t *place, uint64_t *raw, struct descriptor *tss)
{
    const enum vector bad = task->source == FROM_IRET ? VECTOR_TS : VECTOR_GP;
    const uint32_t busy = task->source == FROM_IRET ? RIGHTS_BUSY : 0;
    if (task->selector & SELECTOR_LDT)
        return fail_selector(task, bad, task->selector);
    if (!descriptor_read(task, task->selector, bad, place, raw))
        return false;
    *tss = descriptor_of(*raw);
    const uint32_t type = tss->rights & (RIGHTS_TYPE | RIGHTS_S);
    if (type != (TYPE_TSS16 | busy) && type != (TYPE_TSS32 | busy))
        return fail_selector(task, bad, task->selector);
    if (!(tss->rights & RIGHTS_P))
        return fail_selector(task, VECTOR_NP, task->selector);
    if (tss->limit < (is_32_bit(type) ? sizeof(struct tss32) : sizeof(struct tss16)) - 1)
        return fail_selector(task, VECTOR_TS, task->selector);
    return true;
}

// Step 8. An IRET's task is left for good: it isn't nested any more.
static bool save_old(struct task *task)
{
    const uint64_t *field = task->field;
    const uint32_t base = (uint32_t)field[VMCS_GUEST_TR_BASE];
    const bool wide = is_32_bit((uint32_t)field[VMCS_GUEST_TR_ACCESS_RIGHTS]);
    struct tss32 tss32;
    struct tss16 tss16;
    const uint32_t first = wide ? offsetof(struct tss32, eip) : offsetof(struct tss16, ip);
    const uint32_t bytes = wide ? TSS32_SAVED_BYTES : TSS16_SAVED_BYTES;
    if (field[VMCS_GUEST_TR_LIMIT] < first + bytes - 1)
        return fail_selector(task, VECTOR_TS, (uint16_t)field[VMCS_GUEST_TR_SELECTOR]);

    tss32.eip = (uint32_t)field[VMCS_GUEST_RIP];
    tss32.eflags = (uint32_t)field[VMCS_GUEST_RFLAGS] & ~(task->source == FROM_IRET ? RFLAGS_NT : 0);
    tss16.ip = (uint16_t)tss32.eip;
    tss16.flags = (uint16_t)tss32.eflags;
    for (unsigned i = 0; i < 8; i++) {
        tss32.gpr[i] = (uint32_t)(i == GPR_RSP ? field[VMCS_GUEST_RSP] : task->gpr[i]);
        tss16.gpr[i] = (uint16_t)tss32.gpr[i];
    }
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        tss32.segment[i] = (uint32_t)field[segment_fields[i].selector];
        if (i <= SEGMENT_DS)
            tss16.segment[i] = (uint16_t)tss32.segment[i];
    }
    return write(task, base + first, wide ? (void *)&tss32.eip : (void *)&tss16.ip, bytes, ACCESS_SYSTEM);
}

static bool read_new(struct task *task, const struct descriptor *tss, struct task_state *state)
{
    struct tss32 tss32;
    struct tss16 tss16;
    const bool wide = is_32_bit(tss->rights);
    if (!read(task, tss->base, wide ? (void *)&tss32 : (void *)&tss16, wide ? sizeof(tss32) : sizeof(tss16)))
        return false;
    *state = wide ? (struct task_state){ .cr3 = tss32.cr3, .eip = tss32.eip, .eflags = tss32.eflags, .ldtr = (uint16_t)tss32.ldtr, .trap = tss32.trap }
                  : (struct task_state){ .eip = tss16.ip, .eflags = tss16.flags, .ldtr = tss16.ldtr };
    for (unsigned i = 0; i < 8; i++)
        state->gpr[i] = wide ? tss32.gpr[i] : 0xffff0000u | tss16.gpr[i];
    for (unsigned i = SEGMENT_ES; i <= (wide ? SEGMENT_GS : SEGMENT_DS); i++)
        state->segment[i] = (uint16_t)(wide ? tss32.segment[i] : tss16.segment[i]);
    return true;
}

// Steps 6 and 9 to 10: what of the two tasks is marked in memory.
static bool mark(struct task *task, uint32_t place, uint64_t raw, const struct descriptor *tss)
{
    const uint16_t old = (uint16_t)task->field[VMCS_GUEST_TR_SELECTOR];
    uint32_t old_place;
    uint64_t old_raw;
    if (task->nested && !write(task, tss->base, &old, sizeof(old), ACCESS_SYSTEM))
        return false;
    if (!task->nested && !(descriptor_read(task, old, VECTOR_TS, &old_place, &old_raw) && descriptor_mark(task, old_place, old_raw, 0, RIGHTS_BUSY)))
        return false;
    return descriptor_mark(task, place, raw, RIGHTS_BUSY, 0);
}

// The registers of SDM 3A 4.4.1 "PDPTE Registers" with a new CR3.
static bool load_pdptes(struct task *task, uint32_t cr3)
{
    const uint64_t beyond = ~((1ull << info->physical_bits) - 1);
    uint64_t pdpte[4];
    for (unsigned i = 0; i < 4; i++) {
        if (!guest_read64((gpa1_t){ (cr3 & ~31u) + 8 * i }, &pdpte[i]))
            return fail(task, VECTOR_GP, 0);
        if ((pdpte[i] & PDPTE_PRESENT) && (pdpte[i] & (PDPTE_RESERVED | beyond)))
            return fail(task, VECTOR_GP, 0);
    }
    for (unsigned i = 0; i < 4; i++)
        task->field[VMCS_GUEST_PDPTE0 + i] = task->paging.pdpte[i] = pdpte[i];
    return true;
}

// Steps 11 and 12. A register whose descriptor can't be loaded afterwards has its new selector and no descriptor.
static void load_registers(struct task *task, const struct task_state *state, struct descriptor tss)
{
    uint64_t *field = task->field;
    tss.rights |= RIGHTS_BUSY;
    segment_set(field, SEGMENT_TR, task->selector, tss);
    field[VMCS_GUEST_CR0] |= CR0_TS;
    field[VMCS_GUEST_DR7] &= ~DR7_LOCAL;
    field[VMCS_GUEST_RIP] = state->eip;
    field[VMCS_GUEST_RSP] = state->gpr[GPR_RSP];
    field[VMCS_GUEST_RFLAGS] = (state->eflags & RFLAGS_KNOWN) | RFLAGS_FIXED | (task->nested ? RFLAGS_NT : 0);
    field[VMCS_GUEST_INTERRUPTIBILITY] &= ~(uint64_t)(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
    for (unsigned i = 0; i < 8; i++)
        if (i != GPR_RSP)
            task->gpr[i] = state->gpr[i];
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        if (i == SEGMENT_CS || i == SEGMENT_SS)
            field[segment_fields[i].selector] = state->segment[i];
        else
            segment_set_unusable(field, (enum segment)i, state->segment[i], 0);
    }
    segment_set_unusable(field, SEGMENT_LDTR, state->ldtr, 0);
}

static bool load_address_space(struct task *task, uint32_t cr3, bool *reloaded)
{
    if (!(task->field[VMCS_GUEST_CR0] & CR0_PG))
        return true;
    if (task->paging.mode == PAGING_PAE && !load_pdptes(task, cr3))
        return false;
    task->field[VMCS_GUEST_CR3] = task->paging.cr3 = cr3;
    *reloaded = true;
    return true;
}

static bool load_ldtr(struct task *task, uint16_t selector)
{
    uint32_t place;
    uint64_t raw;
    if (SELECTOR_NULL(selector))
        return true;
    if (selector & SELECTOR_LDT)
        return fail_selector(task, VECTOR_TS, selector);
    if (!descriptor_read(task, selector, VECTOR_TS, &place, &raw))
        return false;
    const struct descriptor ldt = descriptor_of(raw);
    if ((ldt.rights & (RIGHTS_TYPE | RIGHTS_S)) != TYPE_LDT || !(ldt.rights & RIGHTS_P))
        return fail_selector(task, VECTOR_TS, selector);
    segment_set(task->field, SEGMENT_LDTR, selector, ldt);
    return true;
}

// A data segment of those rights may be loaded by code of that privilege (SDM 3A 5.5 "Privilege Levels").
static bool data_allowed(uint32_t rights, uint32_t cpl, uint32_t rpl)
{
    if ((rights & RIGHTS_CODE) && !(rights & RIGHTS_WRITABLE))
        return false;  // it can't be read
    if ((rights & RIGHTS_CODE) && (rights & RIGHTS_CONFORMING))
        return true;
    return RIGHTS_DPL(rights) >= cpl && RIGHTS_DPL(rights) >= rpl;
}

static bool code_allowed(uint32_t rights, uint32_t rpl)
{
    return (rights & RIGHTS_CODE) && (rights & RIGHTS_CONFORMING ? RIGHTS_DPL(rights) <= rpl : RIGHTS_DPL(rights) == rpl);
}

static bool stack_allowed(uint32_t rights, uint32_t cpl, uint32_t rpl)
{
    return !(rights & RIGHTS_CODE) && (rights & RIGHTS_WRITABLE) && RIGHTS_DPL(rights) == cpl && rpl == cpl;
}

// The task's privilege level is that of its CS selector.
static bool load_segment(struct task *task, enum segment segment, uint16_t selector, uint32_t cpl)
{
    const uint32_t rpl = selector & SELECTOR_RPL;
    const bool data = segment != SEGMENT_CS && segment != SEGMENT_SS;
    uint32_t place;
    uint64_t raw;
    if (SELECTOR_NULL(selector))
        return data || fail_selector(task, VECTOR_TS, selector);
    if (!descriptor_read(task, selector, VECTOR_TS, &place, &raw))
        return false;
    const struct descriptor descriptor = descriptor_of(raw);
    const uint32_t rights = descriptor.rights;
    const bool allowed = segment == SEGMENT_CS ? code_allowed(rights, rpl) : data ? data_allowed(rights, cpl, rpl) : stack_allowed(rights, cpl, rpl);
    if (!(rights & RIGHTS_S) || !allowed)
        return fail_selector(task, VECTOR_TS, selector);
    if (!(rights & RIGHTS_P))
        return fail_selector(task, segment == SEGMENT_SS ? VECTOR_SS : VECTOR_NP, selector);
    if (!descriptor_mark(task, place, raw, RIGHTS_ACCESSED, 0))
        return false;
    segment_set(task->field, segment, selector, descriptor);
    return true;
}

// CS before SS: the CPU's privilege level is SS's, whose descriptor says so.
static bool load_segments(struct task *task, const struct task_state *state)
{
    static const uint8_t order[] = { SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_ES, SEGMENT_FS, SEGMENT_GS };
    const uint32_t cpl = state->segment[SEGMENT_CS] & SELECTOR_RPL;
    if (!load_ldtr(task, state->ldtr))
        return false;
    if (state->eflags & RFLAGS_VM) {
        for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++)
            segment_set_v86(task->field, (enum segment)i, state->segment[i]);
        return true;
    }
    for (unsigned i = 0; i < sizeof(order); i++) {
        if (!load_segment(task, (enum segment)order[i], state->segment[order[i]], cpl))
            return false;
        if (order[i] == SEGMENT_CS)  // until SS is loaded
            segment_set_unusable(task->field, SEGMENT_SS, state->segment[SEGMENT_SS], cpl);
    }
    return true;
}

// The error code of the event that led through a task gate, on the new task's stack: 4 bytes, or 2 in a 16-bit task.
static bool push_error(struct task *task, uint32_t error, bool wide)
{
    const uint64_t *field = task->field;
    const uint32_t rights = (uint32_t)field[VMCS_GUEST_SS_ACCESS_RIGHTS], limit = (uint32_t)field[VMCS_GUEST_SS_LIMIT], bytes = wide ? 4 : 2;
    const uint32_t wrap = rights & RIGHTS_DB ? 0xffffffff : 0xffff, rsp = (uint32_t)field[VMCS_GUEST_RSP];
    const uint32_t sp = (rsp - bytes) & wrap, last = sp + (bytes - 1);
    const bool down = (rights & RIGHTS_CONFORMING) && !(field[VMCS_GUEST_RFLAGS] & RFLAGS_VM);
    if (last < sp || last > (down ? wrap : limit) || (down && sp <= limit))
        return fail(task, VECTOR_SS, task->external);
    task->paging.user = RIGHTS_DPL(rights) == 3;
    if (!write(task, (uint32_t)field[VMCS_GUEST_SS_BASE] + sp, &error, bytes, ACCESS_WRITE))
        return false;
    task->field[VMCS_GUEST_RSP] = (rsp & ~wrap) | sp;
    return true;
}

// Where the old task goes on: behind the instruction, unless an event interrupted it.
static void step_over(struct task *task, uint32_t vectoring)
{
    const uint32_t type = vectoring & EVENT_TYPE_MASK;
    const bool software = type == EVENT_TYPE_SOFT_INTR || type == EVENT_TYPE_PRIV_SOFT || type == EVENT_TYPE_SOFT_EXC;
    if (task->source != FROM_GATE || software)
        task->field[VMCS_GUEST_RIP] = (uint32_t)(task->field[VMCS_GUEST_RIP] + task->req->field[0][VMCS_EXIT_INSTRUCTION_LENGTH]);
    task->external = task->source == FROM_GATE && !software;
}

// Blocking of NMIs: begins with one's delivery, ends with IRET.
static void block_nmis(struct task *task, uint32_t vectoring)
{
    uint64_t *blocking = &task->field[VMCS_GUEST_INTERRUPTIBILITY];
    if (task->source == FROM_IRET)
        *blocking &= ~(uint64_t)BLOCKING_NMI;
    else if (task->source == FROM_GATE && (vectoring & EVENT_TYPE_MASK) == EVENT_TYPE_NMI)
        *blocking |= BLOCKING_NMI;
}

enum task_result task_switch(const struct request *req, uint64_t field[VMCS_FIELD_COUNT], uint64_t gpr[GPR_COUNT], struct task_fault *fault, bool *reloaded)
{
    const uint32_t qualification = (uint32_t)req->field[0][VMCS_EXIT_QUALIFICATION];
    const uint32_t vectoring = (uint32_t)req->field[0][VMCS_IDT_VECTORING_INFO];
    const uint64_t rip = field[VMCS_GUEST_RIP];
    const enum source source = (enum source)(qualification >> 30);
    struct task task = { .req = req, .field = field, .gpr = gpr, .fault = fault, .paging = paging_from_request(req), .source = source,
                         .selector = (uint16_t)qualification, .nested = source == FROM_CALL || source == FROM_GATE };
    struct task_state state;
    struct descriptor tss;
    uint32_t place;
    uint64_t raw;
    *reloaded = false;
    step_over(&task, vectoring);
    if (!(find_new(&task, &place, &raw, &tss) && save_old(&task) && read_new(&task, &tss, &state) && mark(&task, place, raw, &tss))) {
        field[VMCS_GUEST_RIP] = rip;
        return TASK_REFUSED;
    }

    const bool wide = is_32_bit(tss.rights);
    load_registers(&task, &state, tss);
    block_nmis(&task, vectoring);
    if ((wide && !load_address_space(&task, state.cr3, reloaded)) || !load_segments(&task, &state))
        return TASK_FAULTED;
    if (task.source == FROM_GATE && (vectoring & EVENT_HAS_ERROR) && !push_error(&task, (uint32_t)req->field[0][VMCS_IDT_VECTORING_ERROR], wide))
        return TASK_FAULTED;
    if (field[VMCS_GUEST_RIP] > field[VMCS_GUEST_CS_LIMIT]) {
        fail(&task, VECTOR_GP, 0);
        return TASK_FAULTED;
    }
    return state.trap & 1 ? TASK_TRAPPED : TASK_SWITCHED;
}
