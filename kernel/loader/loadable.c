// SPDX-License-Identifier: BSD-2-Clause
#include "loadable.h"

#include "../memory.h"
#include "manifest.h"

void loadables_make(struct loadables *loadables, const struct conf *conf, const struct conf_workload *workload)
{
    char file[MANIFEST_FILE];
    memory_copy(loadables->key, conf->load_key, sizeof(loadables->key));
    for (unsigned i = 0; i < workload->partition_count; i++) {
        struct loadable *to = &loadables->partition[i];
        if (!(workload->loadable >> i & 1))
            continue;
        manifest_file(file, workload->partition[i]);
        memory_copy(to->name, workload->partition[i], sizeof(to->name));
        memory_copy(to->hash, manifest_sha256(file), sizeof(to->hash));
    }
}
