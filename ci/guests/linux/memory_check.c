/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills that many percent of the free memory with values made of the address, and reads them back: memory_check PERCENT. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STEP = 8 }; /* one word of each cache line */

static uint64_t value_at(uint64_t i) { return (i + 1) * 0x9e3779b97f4a7c15ull; }

int main(int argc, char **argv)
{
    const uint64_t percent = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t pages = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * percent / 100, words = pages * page / sizeof(uint64_t);
    if (words == 0 || percent > 95) {
        puts("memory_check: FAIL usage: memory_check PERCENT");
        return 1;
    }
    uint64_t *memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("memory_check: FAIL mmap");
        return 1;
    }
    uint64_t wrong = 0, first_wrong = 0;
    for (uint64_t i = 0; i < words; i += STEP)
        memory[i] = value_at(i);
    for (uint64_t i = 0; i < words; i += STEP) {
        if (memory[i] != value_at(i) && wrong++ == 0)
            first_wrong = i;
    }
    if (wrong)
        printf("memory_check: FAIL %" PRIu64 " words, the first is number %" PRIu64 "\n", wrong, first_wrong);
    else
        printf("memory_check: PASS mib=%" PRIu64 "\n", pages * page >> 20);
    return wrong ? 1 : 0;
}
