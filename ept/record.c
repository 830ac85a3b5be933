// SPDX-License-Identifier: BSD-2-Clause
// What was mapped: per EPT12 table that mapped leaves came from, those leaves.
#include "record.h"

#include <caps/ept_map.h>

#define BUCKETS 256u

static struct record records[RECORDS];
static uint16_t buckets[BUCKETS];  // 1 + index of the first, 0: none
static uint32_t lowest_free;       // below it all are taken
static uint32_t limit;             // from it on none ever was

static gpa2_t base_of(gpa2_t address, unsigned level)
{
    return (gpa2_t){ address.v & ~(level12_bytes(level + 1) - 1) };
}

static uint16_t *bucket_of(uint32_t root, gpa2_t base, unsigned level)
{
    uint64_t number = base.v >> (PAGE_BITS + 9 * (level + 1));
    return &buckets[(number ^ number >> 8 ^ root * 37u ^ level * 101u) % BUCKETS];
}

struct record *record_find(uint32_t root, gpa2_t address, unsigned level)
{
    gpa2_t base = base_of(address, level);
    for (uint16_t place = *bucket_of(root, base, level); place != 0; place = records[place - 1].next) {
        struct record *record = &records[place - 1];
        if (record->base.v == base.v && record->root == root && record->level == level)
            return record;
    }
    return 0;
}

struct record *record_get(uint32_t root, gpa2_t address, unsigned level)
{
    struct record *record = record_find(root, address, level);
    if (record)
        return record;
    uint32_t index = lowest_free;
    while (index < RECORDS && records[index].taken)
        index++;
    lowest_free = index;
    if (index == RECORDS)
        return 0;
    if (limit == index)
        limit++;
    record = &records[index];
    record->base = base_of(address, level);
    record->low = record->high = 0;
    record->count = 0;
    record->root = (uint8_t)root;
    record->level = (uint8_t)level;
    record->rights = 0;
    record->taken = true;
    for (unsigned i = 0; i < sizeof(record->mapped) / sizeof(record->mapped[0]); i++)
        record->mapped[i] = 0;
    uint16_t *bucket = bucket_of(root, record->base, level);
    record->next = *bucket;
    *bucket = (uint16_t)(index + 1);
    return record;
}

// Makes room for entry number index between low and high.
static void record_reach(struct record *record, unsigned index)
{
    if (record->low == record->high)
        record->low = record->high = (uint16_t)index;
    while (record->low > index)
        record->seen[--record->low] = 0;
    while (record->high <= index)
        record->seen[record->high++] = 0;
}

void record_map(struct record *record, unsigned index, uint64_t entry, unsigned rights_above)
{
    if (index < record->low || index >= record->high)
        record_reach(record, index);
    record->count = (uint16_t)(record->count + !record_maps(record, index));
    record->mapped[index / 64] |= 1ull << (index % 64);
    record->seen[index] = entry;
    record->rights |= (uint8_t)rights_above;
}

void record_unmap(struct record *record, unsigned index)
{
    record->count = (uint16_t)(record->count - record_maps(record, index));
    record->mapped[index / 64] &= ~(1ull << (index % 64));
}

struct record *record_next(uint32_t root, uint32_t *position)
{
    while (*position < limit) {
        struct record *record = &records[(*position)++];
        if (record->taken && record->root == root)
            return record;
    }
    return 0;
}

void record_free(struct record *record)
{
    uint16_t own = (uint16_t)(record - records + 1);
    uint16_t *link = bucket_of(record->root, record->base, record->level);
    while (*link != own)
        link = &records[*link - 1].next;
    *link = record->next;
    record->taken = false;
    if (own - 1u < lowest_free)
        lowest_free = own - 1u;
}

void record_forget(uint32_t root)
{
    uint32_t position = 0;
    for (struct record *record; (record = record_next(root, &position)) != 0;)
        record_free(record);
}
