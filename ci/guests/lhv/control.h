// SPDX-License-Identifier: BSD-2-Clause
// For tests that set any control.
#pragma once

// Every field that some control makes count gets a value that is right: pages for addresses, this CPU's PAT and EFER.
void control_fill_fields(void);
