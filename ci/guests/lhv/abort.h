// SPDX-License-Identifier: BSD-2-Clause
// The test that costs a CPU: no theme of themes.def, but what comes after them all.
#pragma once

void abort_tests(void);
