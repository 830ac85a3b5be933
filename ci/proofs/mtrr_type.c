// SPDX-License-Identifier: BSD-2-Clause
// Proof: mtrr_type() knows the type of every single page, and neither it nor mtrr_read() reads or keeps an MTRR that there isn't room for, whatever
// the guest has put into them.
// CBMC: unwind=34 loops=mtrr_read.0:12,mtrr_read.1:33,variable_type.0:33
#include "any_caps.h"

#include "../../kernel/memory.h"
#include "../../kernel/msr.h"
#define msr_read(msr) ((void)(msr), any_u64())
#define memcmp(a, b, bytes) (1)

#include "../../kernel/mtrr.c"

int main(void)
{
    any_caps();
    mtrr_read();
    PROVE(current.variable_count <= VARIABLE_MAX, "no more than there is room for");
    struct mtrrs some;
    ASSUME(some.variable_count <= VARIABLE_MAX);
    current = some;
    uint64_t base = any_u64() & PAGE_MASK;
    enum memory_type type;
    PROVE(mtrr_type(base, PAGE_BYTES, &type), "a page has one type");
    return 0;
}
