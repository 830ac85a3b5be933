// SPDX-License-Identifier: BSD-2-Clause
// L1 as a 32-bit hypervisor, with PAE paging and without: VMX instructions with 32-bit operands, exits to a 32-bit host (SDM 3C 25.11.2, 27.2.4, 28.5, 31.3).

#include "cpu_insn.h"
#include "ept12.h"
#include "host32.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

void host32_tests(void);

HOST32(host32_vmlaunch, "vmlaunch");
HOST32(host32_vmresume, "vmresume");
HOST32(host32_vmptrld_again, "vmptrld (%esi)");
HOST32(host32_vmptrst, "vmptrst (%edi)");
HOST32(host32_vmread_esp, "mov %esp, %edx\n\tvmread %ecx, %esp\n\tmov %esp, %eax\n\tmov %edx, %esp");
HOST32(host32_vmread_to, "vmread %ecx, (%edi)");
HOST32(host32_vmwrite_from, "vmwrite (%esi), %ecx");
HOST32(host32_invept, "invept (%esi), %ecx");
HOST32(host32_invvpid, "invvpid (%esi), %ecx");
HOST32(host32_control_registers, "mov %cr0, %eax\n\tmov %cr3, %ecx\n\tmov %cr4, %edx\n\tmov %dr7, %ebx\n\tstr %esi\n\tsldt %edi");
HOST32(host32_tables, "sgdt (%edi)\n\tsidt 8(%edi)\n\tmov $0xc0000080, %ecx\n\trdmsr");
HOST32(host32_no_paging, "mov %cr0, %eax\n\tbtr $31, %eax\n\tmov %eax, %cr0");
HOST32(host32_no_protection, "mov %cr0, %eax\n\tand $0x7ffffffe, %eax\n\tmov %eax, %cr0");
HOST32(host32_lmsw, "smsw %eax\n\tand $~1, %eax\n\tlmsw %ax\n\tmov %cr0, %eax");
HOST32(host32_load, "mov (%esi), %eax");
HOST32(host32_store, "mov %eax, (%edi)");
HOST32(host32_rdmsr, "rdmsr");
HOST32(host32_cr3_again, "mov %cr3, %eax\n\tmov %eax, %cr3");

// There and back: registers of L2 and L1, the state that L1 is in behind the exit.
static void runs(uint64_t pae)
{
    struct host32 *h = host32_prepare(pae);
    host32_begin();
    struct step *pointer = host32_step(host32_vmptrst);
    pointer->gpr[EDI] = low32(&h->cell[2]);
    struct step *launch = host32_step(host32_vmlaunch);
    for (unsigned i = EAX; i <= EDI; i++)
        launch->gpr[i] = 0x11111111 * (i + 1);
    struct step *registers = host32_step(host32_control_registers), *tables = host32_step(host32_tables);
    tables->gpr[EDI] = low32(&h->cell[4]);
    struct step *reason = host32_vmread(ENCODING(EXIT_REASON)), *rip = host32_vmread(ENCODING(GUEST_RIP));
    struct step *skip = host32_vmwrite(ENCODING(GUEST_RIP), low32(this_cpu()->low) + 2);
    struct step *resume = host32_step(host32_vmresume), *second = host32_vmread(ENCODING(EXIT_REASON));
    host32_end();

    want_success("VMPTRST", pointer);
    expect("pointer", h->cell[2], address(this_cpu()->vmcs[0]));
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
    expect("ECX behind the exit", launch->gpr[ECX], 0x22222222);
    expect("EBP", launch->gpr[EBP], 0x66666666);
    expect("EDI", launch->gpr[EDI], 0x88888888);
    expect("flags", launch->flags, FLAG_FIXED);
    want_success("control registers", registers);
    expect("CR0", registers->gpr[EAX], *(uint32_t *)(void *)(h->place + HOST32_CR0));
    expect("CR3", registers->gpr[ECX], low32(this_cpu()->page_a));
    expect("CR4", registers->gpr[EDX], *(uint32_t *)(void *)(h->place + HOST32_CR4));
    expect("DR7", registers->gpr[EBX], 0x400);
    expect("TR", registers->gpr[ESI] & 0xffff, HOST32_TASK_SELECTOR);
    expect("LDTR", registers->gpr[EDI] & 0xffff, 0);
    want_success("tables", tables);
    expect("GDTR", h->cell[4] & 0xffffffffffff, (uint64_t)low32(this_cpu()->page_b) << 16 | 0xffff);
    expect("IDTR", h->cell[5] & 0xffffffffffff, ((uint64_t)low32(this_cpu()->page_b) + 0x200) << 16 | 0xffff);
    expect("EFER.LME, LMA", tables->gpr[EAX] & (EFER_LME | EFER_LMA), 0);
    want_read("exit reason", reason, EXIT_CPUID);
    want_read("GUEST_RIP", rip, low32(this_cpu()->low));
    want_success("VMWRITE", skip);
    expect("VMRESUME", resume->ended, ENDED_EXIT);
    expect("EBX of L2", resume->gpr[EBX], 0x1234);
    want_read("exit reason", second, EXIT_VMCALL);
}

// Fields of each width: what is read is 32 bits; a longer field's high bits become 0 where its low ones are written, unless the encoding is the high half's.
static void fields(uint64_t unused)
{
    (void)unused;
    const uint64_t wide = 0x1122334455667788;
    struct host32 *h = host32_prepare(true);
    const uint64_t esp = R(GUEST_RSP);
    W(TSC_OFFSET, wide);
    W(CR0_GUEST_HOST_MASK, wide);
    W(CR0_READ_SHADOW, wide);
    W(GUEST_SYSENTER_ESP, wide);
    W(IO_BITMAP_A, wide);
    W(IO_BITMAP_B, wide);
    W(ENTRY_MSR_LOAD_ADDR, wide);
    W(GUEST_FS_SELECTOR, 0xabcd);
    W(PF_ERROR_MASK, 0x99aabbcc);
    h->cell[2] = h->cell[3] = 0xeeeeeeeeeeeeeeee;
    h->cell[4] = 0xa1a2a3a4b1b2b3b4;
    host32_begin();
    struct step *full = host32_vmread(ENCODING(TSC_OFFSET)), *high = host32_vmread(ENCODING(TSC_OFFSET) | 1);
    struct step *natural = host32_vmread(ENCODING(CR0_GUEST_HOST_MASK)), *short_ = host32_vmread(ENCODING(GUEST_FS_SELECTOR)), *word = host32_vmread(ENCODING(PF_ERROR_MASK));
    struct step *to = host32_step(host32_vmread_to), *to_high = host32_step(host32_vmread_to), *to_esp = host32_step(host32_vmread_esp);
    to->gpr[ECX] = ENCODING(TSC_OFFSET);
    to->gpr[EDI] = low32(&h->cell[2]);
    to_high->gpr[ECX] = ENCODING(TSC_OFFSET) | 1;
    to_high->gpr[EDI] = low32(&h->cell[3]) + 4;
    to_esp->gpr[ECX] = ENCODING(TSC_OFFSET) | 1;
    struct step *w_full = host32_vmwrite(ENCODING(TSC_OFFSET), 0xcafe0001), *w_high = host32_vmwrite(ENCODING(IO_BITMAP_A) | 1, 0xcafe0002);
    struct step *w_natural = host32_vmwrite(ENCODING(CR0_READ_SHADOW), 0xcafe0003), *w_short = host32_vmwrite(ENCODING(GUEST_FS_SELECTOR), 0xcafe0004);
    struct step *w_natural_state = host32_vmwrite(ENCODING(GUEST_SYSENTER_ESP), 0xcafe0005);
    struct step *from = host32_step(host32_vmwrite_from), *from_high = host32_step(host32_vmwrite_from);
    from->gpr[ECX] = ENCODING(IO_BITMAP_B);
    from->gpr[ESI] = low32(&h->cell[4]);
    from_high->gpr[ECX] = ENCODING(ENTRY_MSR_LOAD_ADDR) | 1;
    from_high->gpr[ESI] = low32(&h->cell[4]) + 4;
    host32_end();

    want_read("64-bit field", full, 0x55667788);
    want_read("its high half", high, 0x11223344);
    want_read("natural-width field", natural, 0x55667788);
    want_read("16-bit field", short_, 0xabcd);
    want_read("32-bit field", word, 0x99aabbcc);
    want_success("VMREAD to memory", to);
    expect("4 bytes", h->cell[2], 0xeeeeeeee55667788);
    want_success("VMREAD to memory", to_high);
    expect("4 bytes of the high half", h->cell[3], 0x11223344eeeeeeee);
    want_read("by ESP", to_esp, 0x11223344);
    want_success("VMWRITE of a 64-bit field", w_full);
    want_success("VMWRITE of a high half", w_high);
    want_success("VMWRITE of a natural-width field", w_natural);
    want_success("VMWRITE of a 16-bit field", w_short);
    want_success("VMWRITE of the guest's", w_natural_state);
    want_success("VMWRITE from memory", from);
    want_success("VMWRITE of a high half from memory", from_high);
    expect("64-bit field: high bits cleared", R(TSC_OFFSET), 0xcafe0001);
    expect("high half alone", R(IO_BITMAP_A), 0xcafe000255667788);
    expect("natural width: high bits cleared", R(CR0_READ_SHADOW), 0xcafe0003);
    expect("the guest's: high bits cleared", R(GUEST_SYSENTER_ESP), 0xcafe0005);
    expect("16 bits of 32", R(GUEST_FS_SELECTOR), 4);
    expect("from memory: 4 bytes", R(IO_BITMAP_B), 0xb1b2b3b4);
    expect("from memory: the high half", R(ENTRY_MSR_LOAD_ADDR), 0xa1a2a3a455667788);
    expect("not written", R(GUEST_RSP), esp);
}

static void no_fields(uint64_t unused)
{
    (void)unused;
    test_emulator_first_cpu();
    (void)host32_prepare(true);
    host32_begin();
    struct step *no_high = host32_vmread(ENCODING(PF_ERROR_MASK) | 1);
    (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    struct step *no_field = host32_vmwrite(0x7ffe, 0);
    (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    struct step *read_only = host32_vmwrite(ENCODING(EXIT_QUALIFICATION), 1);
    (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    host32_end();
    want_error("the high half of a 32-bit field", no_high, ERROR_NO_FIELD);
    want_error("no field", no_field, ERROR_NO_FIELD);
    if (!(msr_read(MSR_VMX_MISC) >> 29 & 1))
        want_error("a read-only field", read_only, ERROR_READ_ONLY);
}

// VMX instructions fail as in 64-bit mode.
static void failures(uint64_t pae)
{
    struct host32 *h = host32_prepare(pae);
    h->cell[2] = address(this_cpu()->vmcs[1]) | 1ull << 62;
    h->cell[3] = address(this_cpu()->vmxon_region);
    h->cell[4] = 1;
    host32_begin();
    struct step *wide = host32_step(host32_vmptrld_again);
    wide->gpr[ESI] = low32(&h->cell[2]);
    (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    struct step *vmxon = host32_step(host32_vmptrld_again);
    vmxon->gpr[ESI] = low32(&h->cell[3]);
    (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    struct step *resume = host32_step(host32_vmresume);
    (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    struct step *launch = host32_step(host32_vmlaunch);
    host32_end();
    want_error("VMPTRLD beyond 32 bits", wide, ERROR_VMPTRLD_ADDRESS);
    want_error("VMPTRLD of the VMXON region", vmxon, ERROR_VMPTRLD_VMXON);
    want_error("VMRESUME", resume, ERROR_VMRESUME_CLEAR);
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
}

// VMX operation fixes CR0.PG and PE, which 64-bit code couldn't clear anyway (SDM 3C 24.8 "Restrictions on VMX Operation"), before an L2 has run and after. LMSW
// never clears PE. Out of VMX operation both are free: so the steps end.
static void paging_stays(uint64_t pae)
{
    struct host32 *h = host32_prepare(pae);
    host32_begin();
    struct step *paging = host32_step(host32_no_paging), *lmsw = host32_step(host32_lmsw);
    struct step *launch = host32_step(host32_vmlaunch), *again = host32_step(host32_no_paging), *registers = host32_step(host32_control_registers);
    host32_end();
    want_fault("CR0.PG off", paging, VECTOR_GP, 0);
    want_success("LMSW", lmsw);
    expect("CR0 behind LMSW", lmsw->gpr[EAX], *(uint32_t *)(void *)(h->place + HOST32_CR0));
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
    want_fault("CR0.PG off behind an exit", again, VECTOR_GP, 0);
    expect("CR0", registers->gpr[EAX], *(uint32_t *)(void *)(h->place + HOST32_CR0));
}

// The code of the steps would not go on without protection.
static void protection_stays(uint64_t pae)
{
    (void)host32_prepare(pae);
    host32_begin();
    struct step *both = host32_step(host32_no_protection);
    host32_end();
    want_fault("CR0.PG and PE off", both, VECTOR_GP, 0);
}

static void invalidations(uint64_t unused)
{
    (void)unused;
    if (!(ept12_capabilities() >> 20 & 1) || !(ept12_capabilities() >> 32 & 1))
        test_skip("the CPU doesn't have INVEPT and INVVPID");
    struct host32 *h = host32_prepare(true);
    h->cell[2] = ept12_pointer(this_cpu());
    h->cell[4] = 1;
    h->cell[5] = 0x12345678;
    h->cell[6] = 1ull << 16;
    h->cell[8] = 1;
    h->cell[9] = 0x800000000000;
    host32_begin();
    static const struct { const char *code; uint32_t type; unsigned cell; uint32_t error; } rows[] = {
        { host32_invept, 2, 6, 0 }, { host32_invept, 1, 2, 0 }, { host32_invept, 1, 6, ERROR_INVALIDATE_OPERAND }, { host32_invept, 0, 2, ERROR_INVALIDATE_OPERAND },
        { host32_invvpid, 1, 4, 0 }, { host32_invvpid, 0, 4, 0 }, { host32_invvpid, 0, 8, ERROR_INVALIDATE_OPERAND }, { host32_invvpid, 1, 6, ERROR_INVALIDATE_OPERAND },
    };
    struct step *steps[sizeof(rows) / sizeof(rows[0])];
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        steps[i] = host32_step(rows[i].code);
        steps[i]->gpr[ECX] = rows[i].type;
        steps[i]->gpr[ESI] = low32(&h->cell[rows[i].cell]);
        (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    }
    host32_end();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].error)
            want_error("INVEPT or INVVPID fails", steps[i], rows[i].error);
        else
            want_success("INVEPT or INVVPID", steps[i]);
    }
}

// What VM entry from a 32-bit L1 checks: each is mended before the next.
static void entry_checks(uint64_t pae)
{
    struct cpu *c = this_cpu();
    (void)host32_prepare(pae);
    const uint32_t exit_controls = (uint32_t)R(EXIT_CONTROLS), entry_controls = (uint32_t)R(ENTRY_CONTROLS), cr4 = (uint32_t)R(HOST_CR4);
    const uint32_t rip = (uint32_t)R(HOST_RIP), host_cr3 = low32(c->page_a);
    const struct { uint32_t encoding, bad, good; } rows[] = {
        { ENCODING(EXIT_CONTROLS), exit_controls | EXIT_HOST_64_BIT, exit_controls },
        { ENCODING(ENTRY_CONTROLS), entry_controls | ENTRY_GUEST_IA32E, entry_controls },
        { ENCODING(HOST_CR4), cr4 | (uint32_t)CR4_PCIDE, cr4 },
        { ENCODING(HOST_SS_SELECTOR), 0, SELECTOR_DATA },
        { ENCODING(HOST_CS_SELECTOR), 0, SELECTOR_CODE32 },
        { ENCODING(HOST_CR4), cr4 & ~(uint32_t)CR4_VMXE, cr4 },
        { ENCODING(HOST_CR0), (uint32_t)(R(HOST_CR0) & ~CR0_PG), (uint32_t)R(HOST_CR0) },
    };
    struct step *steps[sizeof(rows) / sizeof(rows[0])];
    host32_begin();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)host32_vmwrite(rows[i].encoding, rows[i].bad);
        steps[i] = host32_step(host32_vmlaunch);
        (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
        (void)host32_vmwrite(rows[i].encoding, rows[i].good);
    }
    struct step *launch = host32_step(host32_vmlaunch), *reason = host32_vmread(ENCODING(EXIT_REASON));
    host32_end();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        want_error("VM entry", steps[i], ERROR_ENTRY_HOST);
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
    want_read("exit reason", reason, EXIT_CPUID);
    expect("HOST_RIP", R(HOST_RIP), rip);
    expect("HOST_CR3", R(HOST_CR3), host_cr3);
}

// RIP is checked with all 64 bits, which a 32-bit L1 doesn't write.
static void rip_high(uint64_t unused)
{
    (void)unused;
    (void)host32_prepare(true);
    const uint32_t rip = (uint32_t)R(HOST_RIP);
    W(HOST_RIP, R(HOST_RIP) | 1ull << 32);
    host32_begin();
    struct step *bad = host32_step(host32_vmlaunch);
    (void)host32_vmread(ENCODING(INSTRUCTION_ERROR));
    (void)host32_vmwrite(ENCODING(HOST_RIP), rip);
    struct step *good = host32_step(host32_vmlaunch);
    host32_end();
    want_error("VMLAUNCH", bad, ERROR_ENTRY_HOST);
    expect("VMLAUNCH", good->ended, ENDED_EXIT);
}

// A failed entry takes L1's state from the host fields, too.
static void failed_entry(uint64_t pae)
{
    struct cpu *c = this_cpu();
    struct host32 *h = host32_prepare(pae);
    W(GUEST_RFLAGS, 0);
    host32_begin();
    struct step *launch = host32_step(host32_vmlaunch), *reason = host32_vmread(ENCODING(EXIT_REASON)), *registers = host32_step(host32_control_registers);
    host32_end();
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
    want_read("exit reason", reason, EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED);
    expect("CR3", registers->gpr[ECX], low32(c->page_a));
    expect("CR4", registers->gpr[EDX], *(uint32_t *)(void *)(h->place + HOST32_CR4));
}

// The page-directory pointers are registers: a VMX instruction's operand is found by them, not by what is in memory by then (SDM 3A 4.4.1 "PDPTE Registers");
// an exit loads them from memory (3C 28.5.4).
#define ALIAS 0x40000000u
static void pdptes(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    struct host32 *h = host32_prepare(true);
    const uint32_t there = low32(&c->page_a[1]), present = (uint32_t)c->page_a[1];
    W(TSC_OFFSET, 0x1122334455667788);
    host32_begin();
    struct step *take = host32_step(host32_store);
    take->gpr[EDI] = there;
    struct step *by_registers = host32_step(host32_vmread_to);
    by_registers->gpr[ECX] = ENCODING(TSC_OFFSET);
    by_registers->gpr[EDI] = low32(&h->cell[2]) + ALIAS;
    struct step *reload = host32_step(host32_cr3_again);
    struct step *gone = host32_step(host32_vmread_to);
    gone->gpr[ECX] = ENCODING(TSC_OFFSET);
    gone->gpr[EDI] = low32(&h->cell[3]) + ALIAS;
    struct step *give = host32_step(host32_store);
    give->gpr[EAX] = present;
    give->gpr[EDI] = there;
    struct step *still_gone = host32_step(host32_load);
    still_gone->gpr[ESI] = low32(&h->cell[1]) + ALIAS;
    struct step *launch = host32_step(host32_vmlaunch);
    struct step *load = host32_step(host32_load), *operand_again = host32_step(host32_vmread_to);
    load->gpr[ESI] = low32(&h->cell[1]) + ALIAS;
    operand_again->gpr[ECX] = ENCODING(TSC_OFFSET);
    operand_again->gpr[EDI] = low32(&h->cell[4]) + ALIAS;
    host32_end();
    want_success("the entry in memory is gone", take);
    want_success("VMREAD by the register", by_registers);
    expect("what it read", h->cell[2], 0x55667788);
    want_success("MOV to CR3", reload);
    want_fault("VMREAD without it", gone, VECTOR_PF, 2);
    expect("CR2", gone->cr2, low32(&h->cell[3]) + ALIAS);
    want_success("the entry is there again", give);
    want_fault("the register isn't", still_gone, VECTOR_PF, 0);
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
    want_success("the exit has loaded it", load);
    expect("what was read", load->gpr[EAX], (uint32_t)h->cell[1]);
    want_success("VMREAD by it", operand_again);
    expect("what it read", h->cell[4], 0x55667788);
}

// An exit that changes the paging mode.
static void other_paging(uint64_t to_pae)
{
    struct cpu *c = this_cpu();
    struct host32 *h = host32_prepare(!to_pae);
    const uint64_t *gigabytes = (const uint64_t *)(uintptr_t)(c->page_root[0] & 0xffffffffff000);
    uint32_t *directory = (uint32_t *)(void *)c->page_c;
    for (uint32_t i = 0; i < 512 && !to_pae; i++)  // up to 2 GiB: the stack is behind it
        directory[i] = i << 22 | 0x87;
    for (unsigned i = 0; i < 4 && to_pae; i++)
        c->page_c[i] = (gigabytes[i] & 0xffffffffff000) | 1;
    W(HOST_CR3, address(c->page_c));
    W(HOST_CR4, to_pae ? R(HOST_CR4) | CR4_PAE : (R(HOST_CR4) & ~CR4_PAE) | 1 << 4);
    host32_begin();
    struct step *launch = host32_step(host32_vmlaunch), *registers = host32_step(host32_control_registers);
    struct step *pointer = host32_step(host32_vmptrst);
    pointer->gpr[EDI] = low32(&h->cell[2]);
    host32_end();
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
    expect("CR3", registers->gpr[ECX], low32(c->page_c));
    expect("CR4.PAE", registers->gpr[EDX] & CR4_PAE, to_pae ? CR4_PAE : 0);
    want_success("VMPTRST", pointer);
    expect("pointer", h->cell[2], address(c->vmcs[0]));
}

// Lists whose addresses a 32-bit L1 writes; values have 64 bits all the same. A list that can't be loaded: exit 34, to the 32-bit host as well.
#define ENTERED 0x7fff12345678ull
#define LEFT    0x7ffe87654321ull
static void lists(uint64_t pae)
{
    struct host32 *h = host32_prepare(pae);
    const uint64_t kept = msr_read(MSR_LSTAR);
    h->cell[2] = h->cell[4] = h->cell[6] = MSR_LSTAR;
    h->cell[3] = ENTERED;
    h->cell[7] = LEFT;
    W(ENTRY_MSR_LOAD_ADDR, ~0ull);
    host32_begin();
    static const struct { uint32_t address, count; unsigned cell; } rows[] = {
        { ENCODING(ENTRY_MSR_LOAD_ADDR), ENCODING(ENTRY_MSR_LOAD_COUNT), 2 }, { ENCODING(EXIT_MSR_STORE_ADDR), ENCODING(EXIT_MSR_STORE_COUNT), 4 },
        { ENCODING(EXIT_MSR_LOAD_ADDR), ENCODING(EXIT_MSR_LOAD_COUNT), 6 },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)host32_vmwrite(rows[i].address, low32(&h->cell[rows[i].cell]));
        (void)host32_vmwrite(rows[i].count, 1);
    }
    struct step *launch = host32_step(host32_vmlaunch), *read = host32_step(host32_rdmsr);
    read->gpr[ECX] = MSR_LSTAR;
    struct step *spoil = host32_step(host32_store);
    spoil->gpr[EAX] = MSR_FS_BASE;
    spoil->gpr[EDI] = low32(&h->cell[2]);
    struct step *resume = host32_step(host32_vmresume), *reason = host32_vmread(ENCODING(EXIT_REASON)), *place = host32_vmread(ENCODING(EXIT_QUALIFICATION));
    host32_end();
    const uint64_t left = msr_read(MSR_LSTAR);
    msr_write(MSR_LSTAR, kept);
    expect("VMLAUNCH", launch->ended, ENDED_EXIT);
    expect("stored", h->cell[5], ENTERED);
    want_success("RDMSR", read);
    expect("EAX", read->gpr[EAX], (uint32_t)LEFT);
    expect("EDX", read->gpr[EDX], LEFT >> 32);
    expect("VMRESUME", resume->ended, ENDED_EXIT);
    want_read("exit reason", reason, EXIT_ENTRY_MSR_LOAD | EXIT_REASON_FAILED);
    want_read("exit qualification", place, 1);
    expect("LSTAR", left, LEFT);
}

void host32_tests(void)
{
    test_row("runs", "pae", runs, true);
    test_row("runs", "32", runs, false);
    TEST(fields);
    TEST(no_fields);
    test_row("failures", "pae", failures, true);
    test_row("failures", "32", failures, false);
    test_row("paging_stays", "pae", paging_stays, true);
    test_row("paging_stays", "32", paging_stays, false);
    test_row("protection_stays", "pae", protection_stays, true);
    test_row("protection_stays", "32", protection_stays, false);
    TEST(invalidations);
    test_row("entry_checks", "pae", entry_checks, true);
    test_row("entry_checks", "32", entry_checks, false);
    TEST(rip_high);
    test_row("lists", "pae", lists, true);
    test_row("lists", "32", lists, false);
    test_row("failed_entry", "pae", failed_entry, true);
    test_row("failed_entry", "32", failed_entry, false);
    TEST(pdptes);
    test_row("other_paging", "pae", other_paging, true);
    test_row("other_paging", "32", other_paging, false);
}
