# SPDX-License-Identifier: BSD-2-Clause
"""Asks KVM whether a virtual machine here would have the VT-x that Bulkhead needs. Only reads; no virtual machine is made."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

DEVICE = Path("/dev/kvm")
# linux/kvm.h. Since Linux 4.17 the device itself answers KVM_GET_MSRS with what a guest's capability MSRs may say.
KVM_GET_API_VERSION = 0xae00
KVM_GET_SUPPORTED_CPUID = 0xc008ae05
KVM_GET_MSRS = 0xc008ae88
API_VERSION = 12
CPUID_ENTRIES = 256
CPUID_ENTRY = struct.Struct("<10I")  # function, index, flags, EAX, EBX, ECX, EDX, padding

# The high half of a capability MSR has the controls that may be 1 (SDM 3D A.3).
FEATURES = (
    (0x48b, 1, "EPT"),
    (0x48b, 5, "VPID"),
    (0x48b, 7, "unrestricted guest"),
    (0x482, 27, "monitor trap flag"),
)


def _guests_have_vtx(device: int) -> bool:
    buffer = bytearray(struct.pack("<II", CPUID_ENTRIES, 0) + bytes(CPUID_ENTRY.size * CPUID_ENTRIES))
    fcntl.ioctl(device, KVM_GET_SUPPORTED_CPUID, buffer)
    (count, _) = struct.unpack_from("<II", buffer)
    entries = [CPUID_ENTRY.unpack_from(buffer, 8 + i * CPUID_ENTRY.size) for i in range(count)]
    return any(entry[0] == 1 and entry[5] >> 5 & 1 for entry in entries)


def _capability(device: int, number: int) -> int:
    buffer = bytearray(struct.pack("<IIIIQ", 1, 0, number, 0, 0))
    fcntl.ioctl(device, KVM_GET_MSRS, buffer)
    return int(struct.unpack_from("<Q", buffer, 16)[0])


def obstacle(path: Path = DEVICE) -> str:
    """Why KVM can't run Bulkhead here; "" if it can."""
    if not path.exists():
        return f"there is no {path}"
    try:
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return f"{path}: {error.strerror} (is the user in the group kvm?)"
    try:
        if fcntl.ioctl(device, KVM_GET_API_VERSION) != API_VERSION:
            return f"{path} is not the KVM that is known here"
        if not _guests_have_vtx(device):
            return "KVM offers its guests no VT-x: no Intel CPU, or nested=0 in kvm_intel's parameters"
        for number, bit, name in FEATURES:
            if not _capability(device, number) >> (32 + bit) & 1:
                return f"KVM's nested VT-x has no {name}"
    except OSError as error:
        return f"{path} does not answer: {error.strerror}"
    finally:
        os.close(device)
    return ""
