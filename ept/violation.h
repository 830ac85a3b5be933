// SPDX-License-Identifier: BSD-2-Clause
// EPT violations and misconfigurations of L2.
#pragma once

#include <stdint.h>

#include <caps/msg.h>

// The exit qualification that L1 gets: the access as it really was, and the rights that EPT12 gives
// (SDM 3C 28.2.1 "Basic VM-Exit Information", table "Exit Qualification for EPT Violations").
//   rights: AND of all EPT12 entries used, 0 where one was not present; with EPT_EXECUTE_USER where that is a right
uint64_t violation_qualification(uint64_t real, unsigned rights);

// Fills EPT02 and resumes L2 where EPT12 allows the access; else forwards the exit that L1 is to get: arg[0] reason, arg[1]
// qualification, arg[2] guest-linear address, arg[3] guest-physical address.
void violation(const struct request *req, struct reply *rep);
