// SPDX-License-Identifier: BSD-2-Clause
// The partition that tests of the runtime run in.
#pragma once

#include <caps/msg.h>

extern void (*subject_answer)(const struct request *req, struct reply *rep);
