// SPDX-License-Identifier: BSD-2-Clause
// verify: loads and unloads partitions for privileged software of L1, as the workload's `loadable` lets it. A file comes block by block, in registers, and
// nothing of it is kept but its hash: no memory of L1's is touched. What runs then is the image that the loader has put into hidden memory, which has
// that hash.

#include <stddef.h>

#include <caps/hypercall.h>
#include <rt/call.h>
#include <rt/info.h>
#include <rt/load.h>
#include <rt/partition.h>
#include <rt/reply.h>
#include <rt/state.h>
#include <rt/string.h>

#include "file_hash.h"
#include "signature.h"

// By the port alone: it takes root.
const struct partition_header header PARTITION_SECTION = {
    PARTITION("verify"),
    .rights = RIGHT_LOG | RIGHT_LOAD,
    .vmcs[VMCS_KIND_01] = { .write = GROUP_RIP },
    .routes = { ROUTE_KEYS(L1, IO, GROUP_GPR, HYPERCALL_PORT, HYPERCALL_PORT) },
};

// Of the file that comes on each CPU: who hands one over stays on one.
STATE static struct file_hash file[CPU_MAX];

static enum status take_block(uint32_t cpu, const uint64_t gpr[GPR_COUNT])
{
    const uint64_t offset = gpr[GPR_RBX], bytes = gpr[GPR_RCX];
    struct file_hash hash = file[cpu];
    if (offset == 0)
        file_hash_begin(&hash);
    if (bytes == 0 || bytes > LOAD_BLOCK)
        return STATUS_BAD_ARG;
    if (offset != hash.bytes || hash.complete)
        return STATUS_BAD_STATE;
    file_hash_add(&hash, &gpr[GPR_R8], (uint32_t)bytes);
    state_copy(&file[cpu], &hash, sizeof(hash));
    return STATUS_OK;
}

static bool is_loadable(const struct loadable *partition) { return partition->name[0] != 0; }

// Which of them has those bytes at that offset of its struct loadable. PARTITION_MAX: none.
static uint32_t find(const void *wanted, uint32_t offset, uint32_t bytes)
{
    uint32_t i = 0;
    while (i < PARTITION_MAX && !(is_loadable(&rt_loadables.partition[i]) && memcmp((const uint8_t *)&rt_loadables.partition[i] + offset, wanted, bytes) == 0))
        i++;
    return i;
}

static uint32_t find_by_hash(const void *hash) { return find(hash, offsetof(struct loadable, hash), LOAD_HASH_BYTES); }
static uint32_t find_by_name(const void *name) { return find(name, offsetof(struct loadable, name), CAP_NAME); }

// An attempt before this one may have done it already, and failed behind it.
static enum status set(const struct request *req, uint32_t partition, bool on)
{
    const enum status status = rt_load(partition, on);
    return status == STATUS_BAD_STATE && req->attempt > 0 ? STATUS_OK : status;
}

static enum status begin(const struct request *req, uint32_t *partition)
{
    struct file_hash hash = file[req->cpu];
    if (hash.bytes == 0)
        return STATUS_BAD_STATE;
    file_hash_end(&hash);
    state_set(&file[req->cpu].bytes, 0);  // one signature for each time that it comes
    if (!signature_good(rt_loadables.key, (const uint8_t *)hash.state, (const uint8_t *)&req->gpr[GPR_R8])) {
        rt_log(LOG_WARN, "load refused: a file of %lu bytes, whose signature isn't one by load_key", (unsigned long)hash.bytes);
        return STATUS_DENIED;
    }
    *partition = find_by_hash(hash.state);
    if (*partition == PARTITION_MAX) {
        rt_log(LOG_WARN, "load refused: a file of %lu bytes that isn't a loadable partition's", (unsigned long)hash.bytes);
        return STATUS_BAD_IMAGE;
    }
    return set(req, *partition, true);
}

static enum status end(const struct request *req)
{
    const uint32_t partition = find_by_name(&req->gpr[GPR_R8]);
    return partition < PARTITION_MAX ? set(req, partition, false) : STATUS_BAD_ARG;
}

void partition_message(const struct request *req, struct reply *rep)
{
    uint32_t partition = PARTITION_MAX;
    enum status status;
    if (req->kind != MSG_EXIT)
        return;
    switch (req->gpr[GPR_RAX]) {
    case HYPERCALL_LOAD_BLOCK: status = take_block(req->cpu, req->gpr); break;
    case HYPERCALL_LOAD_BEGIN: status = begin(req, &partition); break;
    case HYPERCALL_LOAD_END: status = end(req); break;
    default: reply_forward(rep, 0, 0, 0, 0); return;  // the port has all numbers: another partition's
    }
    if (status == STATUS_OK && partition < PARTITION_MAX)
        reply_gpr(rep, GPR_RBX, partition);
    reply_gpr(rep, GPR_RAX, status);
    reply_advance_rip(req, rep);
}
