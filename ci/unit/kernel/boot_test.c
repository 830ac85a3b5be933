// SPDX-License-Identifier: BSD-2-Clause
// In what order the first CPU comes up: devices are kept out before there is what they must not read, and no L1 runs before that.

#include "../check.h"

#include <setjmp.h>
#include <string.h>

// Instructions that only ring 0 has.
#define cr3_write ring0_cr3_write
#define cr4_read  ring0_cr4_read
#define cr4_write ring0_cr4_write
#define idt_load  ring0_idt_load
#define msr_write ring0_msr_write
#include "../../../kernel/cr.h"
#include "../../../kernel/descriptor_insn.h"
#include "../../../kernel/msr.h"
#include "../../../kernel/vmx_insn.h"
#undef cr3_write
#undef cr4_read
#undef cr4_write
#undef idt_load
#undef msr_write
static void cr3_write(uint64_t value) { (void)value; }
static uint64_t cr4_read(void) { return 0; }
static void cr4_write(uint64_t value) { (void)value; }
static void idt_load(struct table_register idt) { (void)idt; }
static void msr_write(uint32_t msr, uint64_t value) { (void)msr, (void)value; }
#define insn_vmxon(address) ((void)(address), true)
#define insn_vmxoff()       ((void)0)
#define insn_vmptrld(address) ((void)(address), true)

#include "../../../kernel/boot.c"

static struct boot_info info;
static _Alignas(CPU_BLOCK_BYTES) struct cpu self;
static char order[64];         // a letter for each step
static bool vtd_obeys;
static jmp_buf left;

static void step(char letter) { order[strlen(order)] = letter; }

const char sysenter_entry[] = "";
void *fake_frame(void) { return &self; }

bool vtd_start(void) { step('v'); return vtd_obeys; }
enum status ept01_init(const struct boot_info *from) { (void)from; step('e'); return STATUS_OK; }
enum status partitions_load(const struct boot_info *from) { (void)from; step('p'); return STATUS_OK; }
enum status partitions_start(struct cpu *cpu) { (void)cpu; step('s'); return STATUS_OK; }
void enter_guest(struct cpu *cpu) { (void)cpu; step('1'); longjmp(left, 1); }
static void back(const struct launch_entry *launch) { (void)launch; step('b'); longjmp(left, 1); }

void crash_init(const struct boot_info *from) { (void)from; }
bool mtrr_read(void) { return false; }
void trap_init(void) {}
struct table_register trap_idt(void) { return (struct table_register){ 0 }; }
void exit_routes(void) {}
void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
void vmcs_load(struct cpu *cpu, hpa_t vmcs) { (void)cpu, (void)vmcs; }
void vmcs_clear(struct cpu *cpu, hpa_t vmcs) { (void)cpu, (void)vmcs; }
void vmcs_format(struct cpu *cpu, hpa_t vmcs, bool shadow) { (void)cpu, (void)vmcs, (void)shadow; }
void vmcs01_init(struct cpu *cpu, const struct launch_entry *launch) { (void)cpu, (void)launch; }
void shootdown_serve(struct cpu *cpu) { (void)cpu; }

static const char *start(uint32_t index, bool obeys)
{
    memset(order, 0, sizeof(order));
    memset(&self, 0, sizeof(self));
    self.index = (uint16_t)index;
    vtd_obeys = obeys;
    info.vtd_count = 1;
    info.loader_return = (uintptr_t)back;
    info.error = NULL;
    if (!setjmp(left))
        kernel_entry(&info, index);
    return order;
}

TEST(devices_are_kept_out_before_partitions_and_l1)
{
    CHECK(strcmp(start(0, true), "evps1") == 0);  // EPT01, which is their table, translation, partitions, L1
    CHECK(self.launched && info.error == NULL);
}

TEST(no_partition_and_no_l1_where_a_unit_does_not_obey)
{
    CHECK(strcmp(start(0, false), "evb") == 0);
    CHECK(!self.launched && info.error && strstr(info.error, "VT-d"));
}

TEST(other_cpus_find_it_done)
{
    boot_info = boot = &info;
    CHECK(strcmp(start(1, false), "1") == 0);
}
