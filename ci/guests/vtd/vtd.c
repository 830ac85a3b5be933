// SPDX-License-Identifier: BSD-2-Clause
// vtd.efi: a device against VT-d, as the loader sets it up and the kernel runs it. Linked with their own sources: the loader's dma.c, dmar.c, vtd.c and acpi.c, the kernel's vtd.c, ept01.c,
// tree.c, pool.c and mtrr.c; what else those call is below. It needs no VT-x. One line on COM1 for each property: `vtd: ok NAME` or `vtd: FAIL NAME`.
#include <efi.h>

#include <stdarg.h>

#include "../../../kernel/boot.h"
#include "../../../kernel/ept01.h"
#include "../../../kernel/ept02.h"
#include "../../../kernel/event.h"
#include "../../../kernel/loader/console.h"
#include "../../../kernel/loader/dma.h"
#include "../../../kernel/loader/machine.h"
#include "../../../kernel/loader/text.h"
#include "../../../kernel/loader/vtd.h"
#include "../../../kernel/log.h"
#include "../../../kernel/mtrr.h"
#include "../../../kernel/panic.h"
#include "../../../kernel/pool.h"
#include "../../../kernel/shootdown.h"
#include "../../../kernel/vtd.h"
#include "edu.h"
#include "memory.h"
#include "serial.h"

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

// What the kernel's files call of others. There is one CPU, no L1 and no EPT02: nothing is to be shot down.
static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct records_own own;
struct records_own *records = &own;
static struct vmx_caps caps = { .physical_bits = 40, .ept_2m = true, .ept_1g = true };
const struct vmx_caps *vmx_caps = &caps;
void shootdown(void) {}
void ept02_expel(const gpa1_t *page, uint32_t count) { (void)page, (void)count; }
static void line(const char *prefix, const char *format, va_list list)
{
    char text[200];
    text_format_list(text, sizeof(text), format, list);
    serial_text(prefix);
    serial_text(text);
    serial_text("\r\n");
}

void panic(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    line("vtd: panic: ", format, list);
    va_end(list);
    for (;;)
        ;
}

void console_line(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    line("vtd: loader: ", format, list);
    va_end(list);
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list list;
    (void)level;
    va_start(list, format);
    line("vtd: log: ", format, list);
    va_end(list);
}

#define TOLD 16
static struct event told[TOLD];
static unsigned told_count;
struct event *event_new(struct cpu *cpu, enum event_kind kind, uint64_t qualification)
{
    (void)cpu;
    told[told_count % TOLD] = (struct event){ .head = EVENT_HEAD(kind, 0, 0), .qualification = qualification };
    return &told[told_count++ % TOLD];
}

static const uint8_t *any_memory(const void *context, uint64_t address, size_t bytes)
{
    (void)context, (void)bytes;
    return (const uint8_t *)(uintptr_t)address;
}
struct acpi_memory machine_acpi(const struct boot_info *from) { return (struct acpi_memory){ any_memory, from }; }

static void check(const char *name, bool good)
{
    serial_text(good ? "vtd: ok " : "vtd: FAIL ");
    serial_text(name);
    serial_text("\r\n");
}

#define SECRET  0x5ec2e75ec2e75ec2ull
#define PUBLIC  0x1111222233334444ull
#define PART    (PAGE_BYTES / 2)  // of each page: the device refuses to fill the whole of its buffer
#define QUADS   (PART / 8)
#define RAM_END 0x10000000ull   // of what is used here
#define HIDDEN_PAGES 1024ull    // 4 MiB, of which the first page is the one that a device would like to have
#define OWNER   1u

static volatile struct vtd_registers *unit;
static uint64_t open_page, result;  // pages that are L1's: what the device may read; where it says what its buffer has

static void fill(uint64_t page, uint64_t value)
{
    for (unsigned i = 0; i < QUADS; i++)
        ((volatile uint64_t *)(uintptr_t)page)[i] = value;
}

static bool all_are(uint64_t page, uint64_t value)
{
    unsigned i = 0;
    while (i < QUADS && ((volatile uint64_t *)(uintptr_t)page)[i] == value)
        i++;
    return i == QUADS;
}

// Whether the device gets any of what is there, which is all `value`. Its buffer has something else before.
static bool device_reads(uint64_t page, uint64_t value)
{
    fill(open_page, PUBLIC);
    fill(result, 0);
    bool ended = edu_load(open_page, PART) && edu_load(page, PART) && edu_store(result, PART);
    bool found = !ended;
    for (unsigned i = 0; i < QUADS; i++)
        found = found || ((volatile uint64_t *)(uintptr_t)result)[i] == value;
    return found;
}

// Whether it changes anything there.
static bool device_writes(uint64_t page, uint64_t value)
{
    fill(open_page, PUBLIC);
    bool ended = edu_load(open_page, PART) && edu_store(page, PART);
    return !ended || !all_are(page, value);
}

// Whether the kernel tells of such a request since the last look, with the device's name, and the unit keeps no record.
static bool refused(uint64_t page, bool reads)
{
    const uint32_t before = own.machine.dma_refused;
    bool found = false;
    told_count = 0;
    vtd_look(NULL);
    for (unsigned i = 0; i < told_count && i < TOLD; i++)
        found = found || (told[i].kind == EVENT_DMA && told[i].rip == page && DMA_SOURCE(told[i].qualification) == edu_source() && DMA_READS(told[i].qualification) == reads);
    return found && own.machine.dma_refused == before + told_count && !(unit->fault_status & VTD_FAULTS);
}

// A page leaves L1 as batch_invoke() takes it for a partition, but for the last step.
static void take(uint64_t page, bool forget)
{
    (void)ept01_own((gpa1_t){ page }, 0, OWNER, true);
    (void)ept01_own((gpa1_t){ page }, OWNER, OWNER, false);
    if (forget)
        vtd_forget();
}

static void give(uint64_t page)
{
    (void)ept01_own((gpa1_t){ page }, OWNER, 0, true);
    vtd_forget();
}

static void hidden_memory(uint64_t secret)
{
    struct ept01_leaf leaf;
    fill(secret, SECRET);
    check("a device reads what isn't hidden", device_reads(open_page, PUBLIC) && all_are(result, PUBLIC));
    (void)refused(0, true);
    check("hidden memory isn't read", !device_reads(secret, SECRET));
    check("it is told who read where", refused(secret, true));
    check("hidden memory isn't written", !device_writes(secret, SECRET));
    check("it is told who wrote where", refused(secret, false));
    check("its last page isn't read", (fill(info.hidden_base + info.hidden_bytes - PAGE_BYTES, SECRET), !device_reads(info.hidden_base + info.hidden_bytes - PAGE_BYTES, SECRET)));
    check("L1 has no mapping of the unit's registers", ept01_lookup((gpa1_t){ info.vtd[0].base }, &leaf) == STATUS_BAD_ADDRESS &&
          ept01_lookup((gpa1_t){ info.vtd[0].base + info.vtd[0].bytes }, &leaf) == STATUS_OK);
    fill(open_page, 0);
    check("a device doesn't turn translation off", edu_load(open_page, PART) && edu_store(info.vtd[0].base + 0x18, 4) && unit->status & VTD_TRANSLATION);
    (void)refused(0, false);
}

static void taken_pages(uint64_t page)
{
    fill(page, SECRET);
    check("a page of L1's is read", device_reads(page, SECRET));
    take(page, true);
    check("a page that is taken isn't read any more", !device_reads(page, SECRET));
    check("nor written", !device_writes(page, SECRET));
    (void)refused(page, true);
    give(page);
    check("a page that is given back is read", device_reads(page, SECRET));
    // That the checks above can fail: what the unit has cached stays good until it is told to forget.
    take(page, false);
    check("without being told the unit goes on with what it has cached", device_reads(page, SECRET));
    vtd_forget();
    check("once it is told it does not", !device_reads(page, SECRET));
    give(page);
}

static void find_rsdp(const EFI_SYSTEM_TABLE *system)
{
    static const EFI_GUID guid = ACPI_20_TABLE_GUID;
    for (UINTN i = 0; i < system->NumberOfTableEntries; i++) {
        const UINT64 *id = (const UINT64 *)&system->ConfigurationTable[i].VendorGuid, *wanted = (const UINT64 *)&guid;
        if (id[0] == wanted[0] && id[1] == wanted[1])
            info.rsdp = (uint64_t)(UINTN)system->ConfigurationTable[i].VendorTable;
    }
}

static bool renamed(void)
{
    struct acpi_table table;
    return acpi_find(&table, machine_acpi(&info), info.rsdp, "DMAR") == ACPI_NONE && acpi_find(&table, machine_acpi(&info), info.rsdp, "XMAR") == ACPI_FOUND;
}

// Hidden memory as the loader takes it, with the page with the secret before everything else.
static bool start(EFI_SYSTEM_TABLE *system, uint64_t *secret)
{
    const uint64_t pages = HIDDEN_PAGES + LARGE_BYTES / PAGE_BYTES, got = memory_below(system, RAM_END, pages), free_pages = memory_below(system, RAM_END, 3);
    struct memory memory = { .base = (got + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1), .bytes = HIDDEN_PAGES * PAGE_BYTES };
    if (!got || !free_pages)
        return false;
    open_page = free_pages;
    result = free_pages + PAGE_BYTES;
    *secret = memory_take(&memory, PAGE_BYTES);
    info.ept01 = memory_take(&memory, PAGE_BYTES);
    info.vmx = caps;
    info.range_count = 1;
    info.range[0] = (struct boot_range){ .base = 0x100000, .bytes = RAM_END - 0x100000, .kind = RANGE_RAM };
    find_rsdp(system);
    fill(*secret, SECRET);
    check("without VT-d the device reads it", device_reads(*secret, SECRET));
    if (!dma_prepare(&info, &memory, CONF_DMA_REQUIRE))
        return false;
    check("pages of 1 GiB", info.vmx.ept_1g);
    caps = info.vmx;
    info.decoys = memory_take(&memory, BOOT_DECOYS * PAGE_BYTES);
    info.hidden_base = memory.base;
    info.hidden_bytes = memory.bytes;
    info.mapped_end = 4ull << 30;
    info.free_base = memory.base + memory.used;
    info.free_bytes = memory.bytes - memory.used - PAGE_BYTES;
    records->machine.free_pages = info.free_bytes / PAGE_BYTES;
    mtrr_read();
    return ept01_init(&info) == STATUS_OK;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    uint64_t secret;
    (void)self;
    bool ready = edu_find() && start(system, &secret);
    check("start", ready);
    if (ready) {
        unit = (volatile struct vtd_registers *)(uintptr_t)info.vtd[0].base;
        check("before the kernel turns it on translation is off", !(unit->status & VTD_TRANSLATION) && device_reads(secret, SECRET));
        serial_text(info.vtd[0].tail != NULL ? "vtd: told by its queue\r\n" : "vtd: told by registers\r\n");
        serial_text(info.vtd_leaf ? "vtd: told to snoop\r\n" : "vtd: told nothing of caches\r\n");
        check("the kernel turns it on", vtd_start() && unit->status & VTD_TRANSLATION);
        hidden_memory(secret);
        taken_pages(open_page + 2 * PAGE_BYTES);
        dma_hide();
        check("the DMAR table has another name", renamed());
        dma_stop();
        check("once it is off the device reads hidden memory again", device_reads(secret, SECRET));
    }
    serial_text("vtd: done\r\n");
    for (;;)
        ;
}
