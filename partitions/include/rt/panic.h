// SPDX-License-Identifier: BSD-2-Clause
// The partition's own end: what can't be, so that going on would be worse than a reload.
#pragma once

// Logs the text and executes UD2: to the kernel a fault like any other. Never for something that a guest can bring about.
_Noreturn void rt_panic(const char *text);
