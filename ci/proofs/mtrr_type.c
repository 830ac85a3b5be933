// SPDX-License-Identifier: BSD-2-Clause
// Proof: mtrr_type() knows the type of every single page, and reads no MTRR that there isn't, whatever the guest has put into them.
// CBMC: unwind=6 loops=variable_type.0:33
#include "any_caps.h"

#include "../../kernel/mtrr.c"

int main(void)
{
    any_caps();
    struct mtrrs some;
    current = some;
    uint64_t base = any_u64() & PAGE_MASK;
    enum memory_type type;
    PROVE(mtrr_type(base, PAGE_BYTES, &type), "a page has one type");
    return 0;
}
