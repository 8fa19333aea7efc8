#!/usr/bin/env bash
# Debian's kernel has no VFIO without IOMMU.
#
# DPDK's guide for Linux offers `modprobe vfio enable_unsafe_noiommu_mode=1` for machines and virtual
# machines without an IOMMU. Debian 12 builds vfio-pci, but not that mode: the parameter does not exist,
# and /sys/module/vfio/parameters/enable_unsafe_noiommu_mode is not there. A DPDK port in a virtual
# machine therefore needs an emulated IOMMU (QEMU: -machine q35,kernel-irqchip=split and
# -device intel-iommu,intremap=on), or another driver than vfio-pci.
#
# Package: linux-image-6.1.0-50-amd64 6.1.176-1 (Debian 12).
# Seen:    CONFIG_VFIO_PCI=m, "# CONFIG_VFIO_NOIOMMU is not set", no such parameter in vfio.ko.
# Exit code: 0 as described, 1 if it has changed, 2 if the package is not to be had.
set -euo pipefail
package=linux-image-6.1.0-50-amd64 version=6.1.176-1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q "$package=$version" >/dev/null 2>&1 || { echo "no $package $version here: apt-get update?"; exit 2; }
dpkg -x "$package"_*.deb .
config=boot/config-${package#linux-image-}
grep -E '^(# )?CONFIG_VFIO(_PCI|_NOIOMMU)?[= ]' "$config"
vfio=$(find lib/modules -name 'vfio.ko*' | head -1)
parameters=$(strings -a "$vfio" | grep -c '^parm=.*noiommu' || true)
echo "parameters of $(basename "$vfio") for no-IOMMU mode: $parameters"
grep -q '^CONFIG_VFIO_PCI=m' "$config" && grep -q '^# CONFIG_VFIO_NOIOMMU is not set' "$config" && [ "$parameters" = 0 ]
