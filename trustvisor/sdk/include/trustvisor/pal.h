// SPDX-License-Identifier: BSD-2-Clause
// Making PALs from a program: functions marked PAL_CODE become one PAL, in pages of its own.
//
//   PAL_CODE uintptr_t twice(uintptr_t n) { return 2 * n; }
//
//   struct pal pal;
//   static const struct tv_params params = { 1, 0, { { TV_PARAM_INTEGER, 0, 1 } } };
//   if (pal_open(&pal, (void *)twice, &params) == PAL_OK) {
//       uintptr_t (*isolated)(uintptr_t) = (uintptr_t (*)(uintptr_t))pal.entry;
//       printf("%lu\n", isolated(21));
//       pal_close(&pal);
//   }
//
// What PAL_CODE functions may not do: call anything that isn't PAL_CODE, use globals or constants outside of themselves (compile them with
// `pkg-config --variable=pal_cflags trustvisor-pal`, in files of their own), more than 10 parameters, parameters that are neither integers nor pointers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <trustvisor/abi.h>

#define PAL_CODE __attribute__((section("pal_code"), noinline, used))

enum pal_status {
    PAL_OK,
    PAL_ABSENT,       // no trustvisor below, neither L1's nor an L2's
    PAL_NO_MEMORY,    // or it may not be locked (ulimit -l)
    PAL_NOT_CODE,     // the function isn't PAL_CODE
    PAL_REFUSED,      // trustvisor's own error
};

struct pal {
    void *entry;              // the isolated function: cast it and call it
    uint32_t level;           // what the numbers of the program's hypercalls begin with: 0, or TV_CALL_L2_OFFSET in a guest of L1's hypervisor
    uint8_t *pages;
    uintptr_t bytes;
    struct tv_sections sections;
};

// What the numbers of hypercalls begin with here. false: no trustvisor. (A PAL's own hypercalls may have either.)
bool pal_level(uint32_t *level);

// Copies the program's PAL_CODE into fresh pages, with a page each for data, stack and parameters, and registers them. While it is open nobody else
// can read the pages; the program itself neither.
enum pal_status pal_open(struct pal *pal, const void *function, const struct tv_params *params);
// The same, not registered: the function runs there as it does anywhere.
enum pal_status pal_copy(struct pal *pal, const void *function);
enum pal_status pal_register(struct pal *pal, const struct tv_params *params);
// A PAL that is linked by itself (examples/image.ld), for code that has constants, variables, a library: bytes of its pages, code_pages of code and constants, then
// data_pages of variables, for that address alone. The first 64 bytes of its data are where stack protectors have their value.
struct pal_image { const uint8_t *bytes; uintptr_t at, entry; uint32_t code_pages, data_pages, stack_pages, param_pages; };
enum pal_status pal_open_image(struct pal *pal, const struct pal_image *image, const struct tv_params *params);

// Lends pages of the program's to the PAL: its next call may read and write them where they are; until it returns nobody else sees them. Whole pages, locked and
// written to once. More of them by further pal_lend() before that call, each a section beside the PAL's four (TV_SECTIONS_MAX).
enum pal_status pal_lend(const struct pal *pal, void *pages, uintptr_t bytes);
// Unregisters and frees.
enum pal_status pal_close(struct pal *pal);
enum pal_status pal_unregister(struct pal *pal);

// For people.
const char *pal_status_text(enum pal_status status);
