# SPDX-License-Identifier: BSD-2-Clause
"""Unpacks packages of Debian 13 into a private folder: Bochs 3.0 and CBMC for machines whose own Debian has none that works.

Nothing outside the build folder is written. The mirror is the one that this machine's own apt sources name."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def mirror() -> str:
    """Where this machine gets Debian itself from (not its security updates)."""
    text = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                           "Created-By: Packages"], check=True, text=True, capture_output=True).stdout
    rows = [line.split() for line in text.splitlines() if len(line.split()) == 3]
    main = [uri for uri, release, component in rows if component == "main" and "-" not in release]
    if not main:
        raise SystemExit("apt's sources name no Debian mirror")
    return main[0]


def configuration(home: Path) -> Path:
    """An apt of its own: empty status, own lists, one source."""
    for folder in ("state/lists/partial", "cache/archives/partial", "etc"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "status").write_text("")
    sources = home / "etc/sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {SUITE} main\n")
    config = home / "apt.conf"
    config.write_text(f"""\
Dir::State "{home}/state";
Dir::State::Lists "{home}/state/lists";
Dir::State::Status "{home}/status";
Dir::Cache "{home}/cache";
Dir::Etc::SourceList "{sources}";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Log "{home}";
Acquire::Check-Valid-Until "false";
APT::Install-Recommends "false";
APT::Architecture "amd64";
APT::Sandbox::User "";
Debug::NoLocking "true";
""")
    return config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--name", default="bochs", help="the folder's, in the build folder")
    parser.add_argument("--alone", action="store_true", help="just the named packages, without what they depend on")
    parser.add_argument("packages", nargs="+")
    options = parser.parse_args()
    home = options.build.resolve() / options.name
    apt = home / "apt"
    environment = os.environ | {"APT_CONFIG": str(configuration(apt))}
    subprocess.run(["apt-get", "-qq", "update"], check=True, env=environment)
    how = ["download"] if options.alone else ["-y", "install", "--download-only"]
    subprocess.run(["apt-get", "-qq", *how, *options.packages], check=True, env=environment, stdout=subprocess.DEVNULL,
                   cwd=apt / "cache/archives")
    # Unpacked beside and renamed at the end, so that an interrupted setup is repeated.
    partial = home / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for archive in sorted((apt / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(archive), str(partial)], check=True)
    partial.rename(home / "root")
    shutil.rmtree(apt)


if __name__ == "__main__":
    main()
