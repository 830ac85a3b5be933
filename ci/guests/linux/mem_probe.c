/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes physical pages through /dev/mem: mem_probe FIRST LAST STRIDE (bytes inclusive, stride in pages). */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

struct tally {
    unsigned long pages;    /* probed */
    unsigned long ones;     /* read as all ones, every word */
    unsigned long vanished; /* of these: a write changed nothing */
    unsigned long refused;  /* could not be mapped */
};

static int page_reads_ones(const volatile uint64_t *page)
{
    for (unsigned i = 0; i < PAGE_BYTES / sizeof(*page); i += 64) {
        if (page[i] != UINT64_MAX) {
            return 0;
        }
    }
    return 1;
}

/* Only pages that read as ones are written: anything else belongs to the firmware. */
static void page_probe(int fd, uint64_t address, struct tally *tally)
{
    tally->pages++;
    void *map = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)address);
    if (map == MAP_FAILED) {
        tally->refused++;
        return;
    }
    volatile uint64_t *page = map;
    if (page_reads_ones(page)) {
        tally->ones++;
        page[8] = 0x1122334455667788;
        if (page[8] == UINT64_MAX) {
            tally->vanished++;
        } else {
            page[8] = UINT64_MAX;
        }
    }
    munmap(map, PAGE_BYTES);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: mem_probe FIRST LAST STRIDE\n");
        return 2;
    }
    uint64_t first = strtoull(argv[1], NULL, 0) & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t last = strtoull(argv[2], NULL, 0) & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t stride = strtoull(argv[3], NULL, 0) * PAGE_BYTES;
    if (stride == 0 || last < first) {
        fprintf(stderr, "mem_probe: empty range\n");
        return 2;
    }
    int fd = open("/dev/mem", O_RDWR | O_SYNC);
    if (fd < 0) {
        fprintf(stderr, "mem_probe: /dev/mem: %s\n", strerror(errno));
        return 1;
    }
    struct tally tally = { 0 };
    uint64_t address = first;
    for (; address < last; address += stride) {
        page_probe(fd, address, &tally);
    }
    page_probe(fd, last, &tally);
    printf("mem_probe: 0x%llx-0x%llx pages=%lu ones=%lu vanished=%lu refused=%lu\n", (unsigned long long)first,
           (unsigned long long)last + PAGE_BYTES, tally.pages, tally.ones, tally.vanished, tally.refused);
    close(fd);
    return 0;
}
