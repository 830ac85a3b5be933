/* SPDX-License-Identifier: BSD-2-Clause */
/* A PVH domain of Xen. */
#include "domain.h"

#include "xen.h"

void pvh_main(const uint32_t *start);

void pvh_main(const uint32_t *start)
{
    domain_begin("pvh", 0);
    check(*start == START_MAGIC, "the start information", *start);
    domain_rounds();
    domain_end();
}
