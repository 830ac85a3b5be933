// SPDX-License-Identifier: BSD-2-Clause
// The loader's console: one line, until a test takes it.
#pragma once

extern char line[256];
