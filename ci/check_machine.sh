#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `bulkhead check`: tells item by item whether this machine could run Bulkhead. Needs nothing but a POSIX shell, dd and od.
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=

usage() {
    cat <<'USAGE'
usage: ./bulkhead check [--root DIR]

One line an item: ok, no or unknown, what it is, what was found and what to do about it. Nothing is changed. As root with the
module msr loaded it sees the most.

  --root DIR   look at DIR/proc, DIR/sys and DIR/dev instead of this machine's

status: 0 it could run Bulkhead, 1 it could not, 2 that cannot be told
USAGE
}

while [ $# -gt 0 ]; do
    case $1 in
    --root)
        [ $# -ge 2 ] || { echo "bulkhead: --root needs a folder" >&2; exit 2; }
        root=$2
        shift 2
        ;;
    -h | --help) usage; exit 0 ;;
    *) echo "bulkhead: check: unknown option '$1'; see ./bulkhead check --help" >&2; exit 2 ;;
    esac
done
[ -z "$root" ] || [ -d "$root" ] || { echo "bulkhead: $root: no such folder" >&2; exit 2; }
[ -r "$root/proc/cpuinfo" ] || { echo "bulkhead: $root/proc/cpuinfo cannot be read: check works on Linux" >&2; exit 2; }

refused=0
unclear=0

item() { # STATE NAME TEXT
    case $1 in
    no) refused=$((refused + 1)) ;;
    unknown) unclear=$((unclear + 1)) ;;
    esac
    printf '%-8s %-20s %s\n' "$1" "$2" "$3"
}

word_in() { # LIST WORD
    case " $1 " in *" $2 "*) return 0 ;; esac
    return 1
}

first_line() { # FILE
    line=
    [ -r "$1" ] && IFS= read -r line <"$1"
    printf %s "$line"
}

# --- what Linux says of the CPUs ---------------------------------------------------------------------------------

cpus=0
vendor=
model=
flags=
vmx_flags=
vmx_line=no # Linux has it since 5.9, and hides the flag vmx since 5.6 where the firmware keeps VT-x off
while IFS= read -r line; do
    value=${line#*:}
    value=${value# }
    case $line in
    processor*) cpus=$((cpus + 1)) ;;
    vendor_id*) vendor=$value ;;
    'model name'*) model=$value ;;
    flags*) flags=$value ;;
    'vmx flags'*) vmx_flags=$value; vmx_line=yes ;;
    esac
done <"$root/proc/cpuinfo"

# --- MSRs --------------------------------------------------------------------------------------------------------

# Leaves the halves in msr_low and msr_high. In a tree made for a test, msr is a folder with a file of 8 bytes for each.
msr_read() { # CPU NUMBER
    device=$root/dev/cpu/$1/msr
    if [ -d "$device" ]; then
        words=$(od -A n -t x4 "$device/$2" 2>/dev/null) || return 1
    else
        [ -r "$device" ] || return 1
        words=$(dd if="$device" bs=8 count=1 skip=$(($2)) iflag=skip_bytes 2>/dev/null | od -A n -t x4) || return 1
    fi
    # shellcheck disable=SC2086  # two words are wanted
    set -- $words
    [ $# -eq 2 ] || return 1
    msr_low=$((0x$1))
    msr_high=$((0x$2))
}

# A bit of the high half of a capability MSR says that the control may be 1 (SDM 3D A.3 to A.5).
may_be=
if msr_read 0 0x480; then
    msrs=yes
    basic_high=$msr_high
    for pair in PIN:0x481 PROC:0x482 EXIT:0x483 ENTRY:0x484 PROC2:0x48b; do
        msr_high=0
        msr_read 0 "${pair#*:}" || msr_high=0
        may_be="$may_be ${pair%%:*}:$msr_high"
    done
else
    msrs=no
fi

control_is_there() { # WORD BIT
    for pair in $may_be; do
        [ "${pair%%:*}" != "$1" ] || return $((1 - (${pair#*:} >> $2 & 1)))
    done
    return 1
}

read_them="run this as root after 'modprobe msr'"

# --- the items ---------------------------------------------------------------------------------------------------

hypervisor=
if word_in "$flags" hypervisor; then
    hypervisor=$(first_line "$root/sys/class/dmi/id/sys_vendor")
    hypervisor=${hypervisor:-name unknown}
fi

cpu_max=0
while read -r head name value _; do
    case "$head $name" in '#define CPU_MAX') cpu_max=$value ;; esac
done <"$here/../subprojects/caps/include/caps/layout.h"

case $vendor in
AuthenticAMD | HygonGenuine) item no CPU "$model: has AMD-V, Bulkhead needs Intel's VT-x" ;;
'') item unknown CPU "/proc/cpuinfo names no vendor: is this an x86 machine?" ;;
*)
    if [ "$cpus" -gt "$cpu_max" ]; then
        item no CPU "$model ($vendor): $cpus of them are too many, $cpu_max at most"
    else
        item ok CPU "$model ($vendor), $cpus of them"
    fi
    ;;
esac

if word_in "$flags" lm && word_in "$flags" nx; then
    item ok "64 bits" "and execute-disable"
else
    item no "64 bits" "the CPU lacks 64-bit mode or execute-disable (a switch of some firmwares' setup)"
fi

vtx=no
if word_in "$flags" vmx || [ $msrs = yes ]; then
    vtx=yes
    item ok VT-x "the CPU has it"
elif [ -n "$hypervisor" ]; then
    item no VT-x "this virtual machine has none: switch nested virtualisation on in the hypervisor below"
else
    item no VT-x "the CPU has none, or the firmware keeps it off: look for 'Intel Virtualization Technology' in its setup"
fi

# IA32_FEATURE_CONTROL (SDM 4 table 2-2): bit 0 locked, bit 2 VMX outside SMX.
lock_state() {
    [ $vtx = yes ] || { item unknown "firmware lock" "cannot be seen without VT-x"; return; }
    cpu=0
    seen=0
    open=0
    while [ "$cpu" -lt "$cpus" ]; do
        if msr_read "$cpu" 0x3a; then
            seen=$((seen + 1))
            if [ $((msr_low & 1)) = 0 ]; then
                open=$((open + 1))
            elif [ $((msr_low & 4)) = 0 ]; then
                item no "firmware lock" "VT-x is locked off on CPU $cpu: switch 'Intel Virtualization Technology' on in the firmware's setup"
                return
            fi
        fi
        cpu=$((cpu + 1))
    done
    if [ $seen -gt 0 ] && [ $open -gt 0 ]; then
        item ok "firmware lock" "left open by the firmware: Bulkhead sets it"
    elif [ $seen -gt 0 ]; then
        item ok "firmware lock" "locked with VT-x on"
    elif [ $vmx_line = yes ]; then
        item ok "firmware lock" "Linux may use VT-x, so it is not locked off"
    else
        item unknown "firmware lock" "$read_them"
    fi
}
lock_state

feature() { # NAME WORD BIT FLAG WHAT
    if [ $vtx = no ]; then
        item unknown "$1" "cannot be seen without VT-x"
    elif [ $msrs = yes ]; then
        if control_is_there "$2" "$3"; then item ok "$1" "$5"; else item no "$1" "this CPU's VT-x lacks it"; fi
    elif word_in "$vmx_flags $flags" "$4" || [ "$(first_line "$root/sys/module/kvm_intel/parameters/$4")" = Y ]; then
        item ok "$1" "$5"
    elif [ $vmx_line = yes ]; then
        item no "$1" "this CPU's VT-x lacks it"
    else
        item unknown "$1" "$read_them"
    fi
}
feature EPT PROC2 1 ept "extended page tables"
feature "unrestricted guest" PROC2 7 unrestricted_guest "the firmware and boot loaders may run in real mode"
feature VPID PROC2 5 vpid "tagged TLB entries"
feature "monitor trap flag" PROC 27 mtf "single steps"

# All else that the loader asks of the CPU: the table of controls, and the bits of IA32_VMX_BASIC and IA32_VMX_EPT_VPID_CAP.
lacks() {
    while IFS='(), ' read -r head word name bit need _; do
        [ "$head" = CONTROL ] || continue
        case $need in REQUIRED | FORCED) control_is_there "$word" "$bit" || printf ' %s' "$name" ;; esac
    done <"$here/../subprojects/caps/include/caps/vmx_control.def"
    [ $((basic_high >> 18 & 15)) = 6 ] || printf ' %s' "write-back-VMCS"
    msr_low=0
    msr_high=0
    msr_read 0 0x48c || true
    for bit in 6 14 16 20 25 26; do
        [ $((msr_low >> bit & 1)) = 1 ] || printf ' %s' "EPT_VPID_CAP:$bit"
    done
    for bit in 32 41 42; do
        [ $((msr_high >> (bit - 32) & 1)) = 1 ] || printf ' %s' "EPT_VPID_CAP:$bit"
    done
}
if [ $vtx = no ]; then
    item unknown "other controls" "cannot be seen without VT-x"
elif [ $msrs = yes ]; then
    missing=$(lacks)
    if [ -z "$missing" ]; then
        item ok "other controls" "all that Bulkhead uses"
    else
        item no "other controls" "this CPU's VT-x lacks$missing"
    fi
else
    item unknown "other controls" "$read_them (a CPU with the four above has them as a rule)"
fi

if [ ! -d "$root/sys/firmware/efi" ]; then
    item no UEFI "started by a BIOS: Bulkhead is a UEFI program; see whether the firmware's setup offers UEFI boot"
else
    bits=$(first_line "$root/sys/firmware/efi/fw_platform_size")
    case $bits in
    64) item ok UEFI "64-bit" ;;
    32) item no UEFI "the firmware is 32-bit, bulkhead.efi is 64-bit" ;;
    *) item unknown UEFI "Linux does not say whether the firmware is 64-bit" ;;
    esac
fi

# The variable's first four bytes are its attributes. It is read as a whole: efivarfs can't seek.
variable=$root/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
if [ ! -d "$root/sys/firmware/efi" ]; then
    item ok "Secure Boot" "a matter of UEFI only"
elif [ -r "$variable" ]; then
    case $(od -A n -t u1 "$variable" 2>/dev/null) in
    *' 0') item ok "Secure Boot" "off" ;;
    *' 1') item no "Secure Boot" "on, and bulkhead.efi is not signed: switch it off in the firmware's setup" ;;
    *) item unknown "Secure Boot" "its variable cannot be read" ;;
    esac
elif [ -n "$(ls -A "$root/sys/firmware/efi/efivars" 2>/dev/null)" ]; then
    item ok "Secure Boot" "the firmware has none"
else
    item unknown "Secure Boot" "no EFI variables to be seen: mount -t efivarfs efivarfs /sys/firmware/efi/efivars"
fi

memory=0
while read -r name kib _; do
    [ "$name" != MemTotal: ] || memory=$kib
done <"$root/proc/meminfo"
if [ "$memory" -ge 131072 ]; then
    item ok memory "$((memory >> 10)) MiB; Bulkhead takes 16 MiB below 4 GiB"
else
    item no memory "$((memory >> 10)) MiB is too little: Bulkhead takes 16 MiB, 128 MiB should be there"
fi

if [ -z "$hypervisor" ]; then
    item ok hypervisor "none below"
elif [ $vtx = yes ]; then
    item ok hypervisor "a virtual machine ($hypervisor) with nested VT-x: slower, and only as right as that is"
else
    item no hypervisor "a virtual machine ($hypervisor) without nested VT-x"
fi

if [ ! -d "$root/sys/module/kvm_intel" ]; then
    item ok "VT-x in use" "not by KVM"
elif [ "$(first_line "$root/sys/module/kvm_intel/refcnt")" = 0 ]; then
    item ok "VT-x in use" "KVM is loaded, without guests; on Bulkhead it works as before"
else
    item ok "VT-x in use" "KVM runs guests now; Bulkhead starts before Linux, and KVM works on it as before"
fi

# For information: Bulkhead runs without VT-d, too. Linux shows the units' capability registers where it uses them (Linux: sysfs-class-iommu-intel-iommu).
halves() { # HEXADECIMAL: leaves them in high and low; 64 bits are too much for some shells
    case $1 in '' | *[!0-9a-fA-F]*) return 1 ;; esac
    padded=0000000000000000$1
    low=${padded#"${padded%????????}"}
    padded=${padded%"$low"}
    high=$((0x${padded#"${padded%????????}"}))
    low=$((0x$low))
}

# What the loader finds missing (kernel/loader/vtd.c, vtd_missing()), as far as it is in these registers. Leaves in how what the unit is told by, and in snoops whether it
# has devices snoop caches.
unit_lacks() { # FOLDER
    version=$(first_line "$1/version")
    halves "$(first_line "$1/ecap")" || { printf %s "registers that can be read"; return; }
    case ${version%%:*} in '' | *[!0-9]*) printf %s "a version"; return ;; esac
    [ $((low >> 1 & 1)) = 1 ] || [ "${version%%:*}" -lt 6 ] || { printf %s "any way to be told what to forget"; return; }
    [ $((high >> 11 & 1)) = 0 ] || [ $((high >> 14 & 1)) = 1 ] || { printf %s "tables of the second stage"; return; }
    halves "$(first_line "$1/cap")" || { printf %s "registers that can be read"; return; }
    [ $((low >> 10 & 1)) = 1 ] || { printf %s "tables of four levels"; return; }
    [ $((high >> 2 & 1)) = 1 ] || { printf %s "pages of 2 MiB"; return; }
    [ $((high >> 22 & 3)) = 3 ] || { printf %s "waiting for what is under way"; return; }
    [ $((low & 0x90)) = 0 ] || printf %s "tables that it reads by itself when they change"
}

vtd() {
    if [ ! -d "$root/sys/firmware/acpi/tables" ]; then
        item ok VT-d "cannot be seen: Linux shows no ACPI tables"
        return
    elif [ ! -e "$root/sys/firmware/acpi/tables/DMAR" ]; then
        item ok VT-d "none, or off in the firmware's setup (no ACPI table DMAR): devices reach hidden memory and PALs"
        return
    fi
    units=0
    queues=0
    snooping=0
    for unit in "$root"/sys/class/iommu/dmar*/intel-iommu; do
        [ -d "$unit" ] || continue
        units=$((units + 1))
        missing=$(unit_lacks "$unit")
        if [ -n "$missing" ]; then
            item ok VT-d "a unit lacks $missing: devices reach hidden memory and PALs"
            return
        fi
        halves "$(first_line "$unit/ecap")" || continue
        queues=$((queues + (low >> 1 & 1)))
        snooping=$((snooping + (low >> 7 & 1)))
    done
    if [ $units = 0 ]; then
        item ok VT-d "there; Linux shows more of it when started with intel_iommu=on"
    else
        item ok VT-d "keeps devices out: $units units, $queues of them told by queues, $snooping that make devices snoop caches"
    fi
}
vtd

if [ $refused -gt 0 ]; then
    echo "This machine cannot run Bulkhead as it is."
    exit 1
elif [ $unclear -gt 0 ]; then
    echo "Nothing speaks against it, but not all could be seen."
    exit 2
fi
echo "This machine could run Bulkhead."
