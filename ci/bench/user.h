// SPDX-License-Identifier: BSD-2-Clause
// User mode, as a program has it: for what only programs may do.
#pragma once

// From here on the caller runs at CPL 3, with access to all of the first 4 GiB and to ports. After trap_install().
void user_enter(void);
