# SPDX-License-Identifier: BSD-2-Clause
"""What a VMM of the KVM guest says whose results are right."""

import vmm_expected


def right(iterations: int) -> list[str]:
    values = " ".join(f"{name}={value:#x}" for name, value in vmm_expected.expected(0, 1, iterations).items())
    return [f"vmm: vcpu=0 {values}", f"vmm: PASS vcpus=1 iterations={iterations} exits=24"]
