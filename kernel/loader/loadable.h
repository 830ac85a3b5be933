// SPDX-License-Identifier: BSD-2-Clause
// What the partition that loads others is told of them: their names, the hashes of their files, the key.
#pragma once

#include <caps/loadable.h>

#include "conf.h"

void loadables_make(struct loadables *loadables, const struct conf *conf, const struct conf_workload *workload);
