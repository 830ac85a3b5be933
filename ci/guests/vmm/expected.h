/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest must have computed. */
#pragma once

struct vcpu;

/* Compares one vCPU's mailbox with what is known beforehand; ends the process with a FAIL line at a difference. */
void expected_check(const struct vcpu *vcpu);
