/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the other CPUs quiet between the end of boot services and the operating system's start of them. */
#pragma once

#include <efi.h>

/*
 * From ExitBootServices on OVMF's CPUs other than the first wait in an endless MONITOR/MWAIT loop. With three of them or
 * more Bochs gets a hundred times slower, because each MONITOR flushes every CPU's TLB. This makes ExitBootServices send
 * them an INIT as its last act: they then wait for a SIPI, which is where an operating system's boot puts them anyway.
 */
EFI_STATUS quiet_after_boot_services(void);
