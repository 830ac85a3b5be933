// SPDX-License-Identifier: BSD-2-Clause
// VT-d units that don't do what they are told, as the loader and the kernel find out. What good ones do: suite dma.
#include "../check.h"

#include <setjmp.h>

#include "../../../kernel/vtd.h"

// Each look at a register that is to change lets the unit work.
#undef VTD_LOOKS
#define VTD_LOOKS looks_left()
static unsigned looks_left(void);
#include "../../../kernel/vtd.c"
#include "../../../kernel/loader/vtd.c"

#define UNITS 2

static struct boot_info info;
const struct boot_info *boot_info = &info;
static _Alignas(4096) uint8_t page[UNITS][4096];
static uint64_t context_says, iotlb_says;  // which granularity they have done
static unsigned slow;                      // looks until then
static jmp_buf panicked;

void panic(const char *format, ...) { (void)format; longjmp(panicked, 1); }

static struct vtd_registers *unit(unsigned i) { return (struct vtd_registers *)page[i]; }
static uint64_t *iotlb(unsigned i) { return (uint64_t *)(page[i] + 0x508); }

static void end(uint64_t *work, uint64_t says)
{
    if (*work >> 63)
        *work = (*work & ~(1ull << 63)) | says;
}

static unsigned looks_left(void)
{
    for (unsigned i = 0; slow == 0 && i < UNITS; i++) {
        end((uint64_t *)(page[i] + offsetof(struct vtd_registers, context)), context_says);
        end(iotlb(i), i == UNITS - 1 ? iotlb_says : 1ull << 57);
        unit(i)->status = unit(i)->command;
    }
    slow -= slow > 0;
    return 100;
}

static void start(uint64_t context, uint64_t entries)
{
    context_says = context, iotlb_says = entries, slow = 3;
    info.vtd_count = UNITS;
    for (unsigned i = 0; i < UNITS; i++) {
        *unit(i) = (struct vtd_registers){ .version = 0x10, .extended = 0x50ull << 8 };
        *iotlb(i) = 0;
        info.vtd[i] = (struct boot_vtd){ .command = &unit(i)->command, .iotlb = iotlb(i) };
    }
}

static bool forgets(void)
{
    if (setjmp(panicked))
        return false;
    vtd_forget();
    return true;
}

TEST(units_that_obey)
{
    start(1ull << 59, 1ull << 57);
    CHECK(vtd_prepare(unit(UNITS - 1), 0x1000));
    CHECK(vtd_start() && unit(0)->status >> 31 && unit(1)->status >> 31);
    CHECK(forgets());
    CHECK(*iotlb(0) << 8 >> 8 == (*iotlb(1) << 8 >> 8) && *iotlb(0) >> 48 & 3);
}

TEST(the_loader_takes_no_unit_that_refuses)
{
    start(0, 1ull << 57);
    CHECK(!vtd_prepare(unit(UNITS - 1), 0x1000));
    start(1ull << 59, 0);
    CHECK(!vtd_prepare(unit(UNITS - 1), 0x1000));
}

TEST(the_kernel_does_not_start_with_a_unit_that_refuses)
{
    start(1ull << 59, 0);
    CHECK(!vtd_start());  // and says so
    CHECK(!(unit(0)->command >> 31) && !(unit(1)->command >> 31));
}

TEST(nor_with_one_that_does_not_end)
{
    start(1ull << 59, 1ull << 57);
    slow = 1000;
    CHECK(!vtd_start() && !(unit(0)->command >> 31));
}

TEST(later_one_that_refuses_is_the_end)
{
    start(1ull << 59, 0);
    CHECK(!forgets());
}

TEST(later_one_that_does_not_end_is_too)
{
    start(1ull << 59, 1ull << 57);
    slow = 1000;
    CHECK(!forgets());
}

TEST(without_units_there_is_nothing_to_forget)
{
    start(1ull << 59, 0);
    info.vtd_count = 0;
    CHECK(forgets() && vtd_start() && *iotlb(0) == 0);
}
