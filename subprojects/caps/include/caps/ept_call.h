// SPDX-License-Identifier: BSD-2-Clause
// What the partition ept answers when another partition calls it (SYS_CALL): arg[0] is the number.
#pragma once

enum ept_call {
    // L1 executed INVEPT, with operands that nestvmx has checked. arg[1]: enum invept_type, arg[2]: the descriptor's EPTP
    // (INVEPT_SINGLE). When it returns no CPU uses a translation that EPT12 no longer holds. Status: always OK.
    EPT_CALL_INVEPT = 1,
};

// SDM 3C 31.3 "INVEPT - Invalidate Translations Derived from EPT".
enum invept_type { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };
