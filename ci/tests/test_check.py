# SPDX-License-Identifier: BSD-2-Clause
"""Tests of `bulkhead check` on made-up machines: folders with /proc, /sys and /dev as Linux shows them."""

import re
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOM = Path(__file__).resolve().parents[2]
SCRIPT = ROOM / "ci/check_machine.sh"
FLAGS = "fpu lm nx vmx ept vpid"
VMX_FLAGS = "vnmi preemption_timer invvpid ept_ad mtf ept vpid unrestricted_guest"
ALL = 0xffffffff
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
MSRS = {0x3a: 5, 0x480: 6 << 50, 0x481: ALL << 32, 0x482: ALL << 32, 0x483: ALL << 32, 0x484: ALL << 32, 0x48b: ALL << 32,
        0x48c: 0x70106114040}
VTD_CAP, VTD_ECAP = 0xc00004 << 32 | 0x400, 0xf01083  # as a CPU of some years ago has them; the second with a queue and snooping
EPT_VPID_BITS = (6, 14, 16, 20, 25, 26, 32, 41, 42)


class Machine:
    """A good one: each test spoils one thing."""

    def __init__(self, folder: str) -> None:
        self.root = Path(folder)
        self.vendor, self.flags, self.vmx_flags, self.cpus = "GenuineIntel", FLAGS, VMX_FLAGS, 2
        self.files: dict[str, bytes | None] = {
            "proc/meminfo": b"MemTotal:        8000000 kB\n", "sys/firmware/efi/fw_platform_size": b"64\n",
            SECURE_BOOT: b"\x06\0\0\0\0",
        }
        for cpu in range(self.cpus):
            self.msr(cpu, MSRS)

    def vtd(self, unit: int, version: str, cap: int, ecap: int) -> None:
        folder = f"sys/class/iommu/dmar{unit}/intel-iommu"
        self.files |= {"sys/firmware/acpi/tables/DMAR": b"DMAR", f"{folder}/version": f"{version}\n".encode(), f"{folder}/cap": f"{cap:x}\n".encode(),
                       f"{folder}/ecap": f"{ecap:x}\n".encode()}

    def msr(self, cpu: int, values: dict[int, int]) -> None:
        for number, value in values.items():
            self.files[f"dev/cpu/{cpu}/msr/{number:#x}"] = struct.pack("<Q", value)

    def without_msrs(self) -> None:
        self.files = {name: data for name, data in self.files.items() if not name.startswith("dev/")}

    def check(self) -> tuple[int, dict[str, str]]:
        cpu = f"vendor_id\t: {self.vendor}\nmodel name\t: A CPU\nflags\t\t: {self.flags}\n"
        if self.vmx_flags:
            cpu += f"vmx flags\t: {self.vmx_flags}\n"
        self.files["proc/cpuinfo"] = "".join(f"processor\t: {i}\n{cpu}\n" for i in range(self.cpus)).encode()
        for name, data in self.files.items():
            if data is not None:
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).write_bytes(data)
        result = subprocess.run(["sh", str(SCRIPT), "--root", str(self.root)], text=True, capture_output=True)
        assert not result.stderr, result.stderr
        self.lines = result.stdout.splitlines()
        return result.returncode, {line[9:29].strip(): line[:8].strip() for line in result.stdout.splitlines()[:-1]}


class Check(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.machine = Machine(folder.name)

    def expect(self, status: int, **items: str) -> None:
        """Items that aren't named must be ok. An underscore stands for a blank or a dash."""
        found, states = self.machine.check()
        wanted = {name.lower().replace("_", " "): state for name, state in items.items()}
        odd = {name: state for name, state in states.items()
               if state != wanted.get(name.lower().replace("-", " "), "ok")}
        self.assertEqual(odd, {})
        self.assertLessEqual(set(wanted), {name.lower().replace("-", " ") for name in states})
        self.assertEqual(found, status)

    def test_good_machine(self) -> None:
        self.expect(0)

    def test_without_msrs_the_rest_of_the_controls_is_open(self) -> None:
        self.machine.without_msrs()
        self.expect(2, other_controls="unknown")

    def test_old_kernel_without_msrs(self) -> None:
        self.machine.without_msrs()
        self.machine.vmx_flags = ""
        self.expect(2, other_controls="unknown", firmware_lock="unknown", unrestricted_guest="unknown", monitor_trap_flag="unknown")

    def test_amd(self) -> None:
        self.machine.vendor, self.machine.flags, self.machine.vmx_flags = "AuthenticAMD", "lm nx svm", ""
        self.machine.without_msrs()
        dark = dict.fromkeys(("firmware_lock", "ept", "unrestricted_guest", "vpid", "monitor_trap_flag", "other_controls"), "unknown")
        self.expect(1, cpu="no", vt_x="no", **dark)

    def test_too_many_cpus(self) -> None:
        self.machine.cpus = 65
        self.expect(1, cpu="no")

    def test_virtual_machine_without_nested_vtx(self) -> None:
        self.machine.flags, self.machine.vmx_flags = "lm nx hypervisor", ""
        self.machine.without_msrs()
        dark = dict.fromkeys(("firmware_lock", "ept", "unrestricted_guest", "vpid", "monitor_trap_flag", "other_controls"), "unknown")
        self.expect(1, vt_x="no", hypervisor="no", **dark)

    def test_virtual_machine_with_nested_vtx(self) -> None:
        self.machine.flags += " hypervisor"
        self.expect(0)

    def test_no_execute_disable(self) -> None:
        self.machine.flags = "lm vmx"
        self.expect(1, **{"64_bits": "no"})

    def test_locked_off_on_one_cpu(self) -> None:
        self.machine.msr(1, {0x3a: 1})
        self.expect(1, firmware_lock="no")

    def test_left_open(self) -> None:
        self.machine.msr(0, {0x3a: 0})
        self.expect(0)

    def test_each_feature_by_msr(self) -> None:
        for name, number, bit in (("ept", 0x48b, 1), ("unrestricted_guest", 0x48b, 7), ("vpid", 0x48b, 5), ("monitor_trap_flag", 0x482, 27)):
            with self.subTest(name):
                self.machine.msr(0, MSRS | {number: (ALL ^ 1 << bit) << 32})
                self.expect(1, **{name: "no", "other_controls": "no"})

    def test_each_feature_by_flag(self) -> None:
        self.machine.without_msrs()
        for name, flag in (("ept", "ept"), ("unrestricted_guest", "unrestricted_guest"), ("vpid", "vpid"), ("monitor_trap_flag", "mtf")):
            with self.subTest(name):
                self.machine.flags = "lm nx vmx"
                self.machine.vmx_flags = " ".join(word for word in VMX_FLAGS.split() if word != flag)
                self.expect(1, **{name: "no", "other_controls": "unknown"})

    def test_each_ept_capability(self) -> None:
        for bit in EPT_VPID_BITS:
            with self.subTest(bit):
                self.machine.msr(0, {0x48c: MSRS[0x48c] & ~(1 << bit)})
                self.expect(1, other_controls="no")

    def test_each_control_of_the_table(self) -> None:
        table = (ROOM / "subprojects/caps/include/caps/vmx_control.def").read_text()
        numbers = {"PIN": 0x481, "PROC": 0x482, "EXIT": 0x483, "ENTRY": 0x484, "PROC2": 0x48b}
        named = {(0x48b, 1), (0x48b, 7), (0x48b, 5), (0x482, 27)}
        rows = re.findall(r"^CONTROL\((\w+), *(\w+), *(\d+), *(\w+),", table, re.MULTILINE)
        self.assertGreater(len(rows), 50)
        for word, name, bit, need in rows:
            at = (numbers[word], int(bit))
            if at in named:
                continue
            with self.subTest(name):
                self.machine.msr(0, MSRS | {at[0]: (ALL ^ 1 << at[1]) << 32})
                if need in ("REQUIRED", "FORCED"):
                    self.expect(1, other_controls="no")
                elif need == "NEVER":
                    self.expect(0)

    def test_the_same_as_the_loader_asks(self) -> None:
        text = (ROOM / "kernel/loader/vtx.c").read_text()
        rows = text.split("ept_vpid[] = {")[1].split("};")[0]
        self.assertEqual(tuple(int(bit) for bit in re.findall(r"\{(\d+),", rows)), EPT_VPID_BITS)

    def test_bios(self) -> None:
        self.machine.files = {name: data for name, data in self.machine.files.items() if "firmware" not in name}
        self.expect(1, uefi="no")

    def test_32_bit_uefi(self) -> None:
        self.machine.files["sys/firmware/efi/fw_platform_size"] = b"32\n"
        self.expect(1, uefi="no")

    def test_secure_boot(self) -> None:
        self.machine.files[SECURE_BOOT] = b"\x06\0\0\0\1"
        self.expect(1, secure_boot="no")

    def test_no_efi_variables(self) -> None:
        self.machine.files[SECURE_BOOT] = None
        self.expect(2, secure_boot="unknown")

    def test_firmware_without_secure_boot(self) -> None:
        self.machine.files[SECURE_BOOT] = None
        self.machine.files["sys/firmware/efi/efivars/Boot0000-x"] = b""
        self.expect(0)

    def test_too_little_memory(self) -> None:
        self.machine.files["proc/meminfo"] = b"MemTotal:         100000 kB\n"
        self.expect(1, memory="no")

    def test_kvm_is_no_obstacle(self) -> None:
        self.machine.files["sys/module/kvm_intel/refcnt"] = b"3\n"
        self.expect(0)

    def vtd_is(self, text: str) -> None:
        """Whatever it is, the machine could run Bulkhead."""
        self.expect(0)
        self.assertEqual([line for line in self.machine.lines if line[9:29].strip() == "VT-d" and text in line][:1], self.machine.lines[-2:-1], text)

    def test_vtd_that_is_not_seen(self) -> None:
        self.vtd_is("cannot be seen")
        self.machine.files["sys/firmware/acpi/tables/FACP"] = b""
        self.vtd_is("no ACPI table DMAR")
        self.machine.files["sys/firmware/acpi/tables/DMAR"] = b""
        self.vtd_is("intel_iommu=on")

    def test_vtd(self) -> None:
        self.machine.vtd(0, "1:0", VTD_CAP, VTD_ECAP)
        self.vtd_is("1 units, 1 of them told by queues, 1 that")
        self.machine.vtd(1, "1:0", VTD_CAP, VTD_ECAP & ~0x82)
        self.vtd_is("2 units, 1 of them told by queues, 1 that")
        self.machine.vtd(1, "6:0", VTD_CAP | 1 << 63, VTD_ECAP | 1 << 63)
        self.vtd_is("2 units, 2 of them told by queues, 2 that")

    def test_vtd_that_lacks_something(self) -> None:
        for version, cap, ecap, text in (
                ("6:0", VTD_CAP, VTD_ECAP & ~2, "any way to be told"), ("1:0", VTD_CAP, VTD_ECAP | 1 << 43, "second stage"), ("1:0", VTD_CAP & ~(1 << 10), VTD_ECAP, "four levels"),
                ("1:0", VTD_CAP & ~(1 << 34), VTD_ECAP, "2 MiB"), ("1:0", VTD_CAP & ~(1 << 54), VTD_ECAP, "under way"), ("1:0", VTD_CAP & ~(1 << 55), VTD_ECAP, "under way"),
                ("1:0", VTD_CAP | 1 << 4, VTD_ECAP, "reads by itself"), ("1:0", VTD_CAP | 1 << 7, VTD_ECAP, "reads by itself"), ("", VTD_CAP, VTD_ECAP, "a version"),
                ("x", VTD_CAP, VTD_ECAP, "a version")):
            with self.subTest(text):
                self.machine.vtd(0, version, cap, ecap)
                self.vtd_is(text)

    def test_vtd_registers_that_are_no_numbers(self) -> None:
        for name in ("cap", "ecap"):
            for data in (b"", b"what\n"):
                self.machine.vtd(0, "1:0", VTD_CAP, VTD_ECAP)
                self.machine.files[f"sys/class/iommu/dmar0/intel-iommu/{name}"] = data
                self.vtd_is("registers that can be read")

    def test_wrong_words(self) -> None:
        for words in (["--colour"], ["--root"], ["--root", "/nonexistent"]):
            result = subprocess.run(["sh", str(SCRIPT), *words], text=True, capture_output=True)
            self.assertEqual((result.returncode, result.stdout, len(result.stderr.splitlines())), (2, "", 1))


if __name__ == "__main__":
    unittest.main()
