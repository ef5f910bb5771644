/* The driver, its nodes and its services. */

#include "examine.h"

#define GPU       "/sys/devices/pci0000:00/0000:01:00.0"
#define NO_MODULE "remove /proc/driver/nvidia/version\n"
#define OK        NVB_VERDICT_OK
#define WARN      NVB_VERDICT_WARN
#define FAIL      NVB_VERDICT_FAIL
#define SKIP      NVB_VERDICT_SKIP

#define PCI(vendor, class)                                           \
    "write /sys/bus/pci/devices/0000:01:00.0/vendor " vendor "\\n\n" \
    "write /sys/bus/pci/devices/0000:01:00.0/class " class "\\n\n"
#define CAPS "/proc/driver/nvidia/capabilities/gpu0/mig/gi1"

const struct examine_row nvb_examine_driver[] = {
    {"wsl2", "an ordinary machine", NULL, SKIP, "not Windows"},
    {"wsl2", "without the device", "write /proc/version Linux version 5.15 microsoft-standard\\n\n",
     FAIL, "/dev/dxg", "wsl --update"},
    {"wsl2", "without the driver",
     "write /proc/version Linux microsoft-standard\\n\nnode /dev/dxg\n", FAIL, "libcuda",
     "driver for Windows"},
    {"wsl2", "with everything",
     "write /proc/version Linux microsoft-standard\\n\nnode /dev/dxg\n"
     "empty /usr/lib/wsl/lib/libcuda.so.1\n",
     WARN, "/dev/dxg", "--device /dev/dxg"},
    {"gpu", "a simulated one", NULL, OK, "1 NVIDIA GPU"},
    {"gpu", "none", NULL, FAIL, "no NVIDIA GPU in this machine", "simulate", .no_gpu = true},
    {"gpu", "AMD's", PCI("0x1002", "0x030000"), FAIL, "AMD's at 0000:01:00.0", "amd.com/gpu",
     .no_gpu = true},
    {"gpu", "on the bus, without a driver", PCI("0x10de", "0x030200"), OK, "on the PCI bus",
     .no_gpu = true},
    {"gpu", "two on the bus, one of the driver's", PCI("0x10de", "0x030200"), WARN,
     "2 NVIDIA GPUs on the PCI bus", "dmesg"},
    {"driver-bound", "by NVIDIA's", NULL, OK, "no other driver"},
    {"driver-bound", "by nouveau",
     PCI("0x10de", "0x030000") "link /sys/bus/pci/devices/0000:01:00.0/driver "
                               "../../../bus/pci/drivers/nouveau\n",
     FAIL, "nouveau", "update-initramfs -u", .no_gpu = true},
    {"driver-bound", "by vfio",
     PCI("0x10de", "0x030000") "link /sys/bus/pci/devices/0000:01:00.0/driver "
                               "../../../bus/pci/drivers/vfio-pci\n",
     WARN, "vfio-pci", "vfio-pci.ids", .no_gpu = true},
    {"driver-libraries", "there", NULL, OK, "libcuda.so.1 and libnvidia-ml.so.1 of 550.163.01"},
    {"driver-libraries", "no driver at all", PCI("0x10de", "0x030000"), FAIL, "not installed",
     "sudo apt-get install nvidia-driver", .no_gpu = true},
    {"driver-libraries", "on Fedora",
     PCI("0x10de", "0x030000") "write /etc/os-release ID=fedora\\n\n", FAIL, "not installed",
     "sudo dnf install akmod-nvidia", .no_gpu = true},
    {"driver-libraries", "on Arch", PCI("0x10de", "0x030000") "write /etc/os-release ID=arch\\n\n",
     FAIL, "not installed", "sudo pacman -S nvidia", .no_gpu = true},
    {"driver-libraries", "on openSUSE",
     PCI("0x10de", "0x030000") "write /etc/os-release ID=opensuse-leap\\nID_LIKE=\"suse "
                               "opensuse\"\\n\n",
     FAIL, "not installed", "sudo zypper install nvidia-open", .no_gpu = true},
    {"driver-module", "loaded", NULL, OK, "550.163.01 is loaded"},
    {"driver-module", "not loaded", NO_MODULE, FAIL, "not loaded", "sudo modprobe nvidia"},
    {"driver-secure-boot", "loaded", NULL, OK, "accepted"},
    {"driver-secure-boot", "on",
     NO_MODULE "write /sys/firmware/efi/efivars/"
               "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c abcde\n",
     WARN, "Secure Boot is on", "mokutil --import"},
    {"driver-version", "the same", NULL, OK, "are 550.163.01"},
    {"driver-version", "another module",
     "write /proc/driver/nvidia/version NVRM version: NVIDIA UNIX x86_64 Kernel Module  "
     "535.261.03  Thu Jan  1 00:00:00 UTC 2026\\n\n",
     FAIL, "the kernel module is 535.261.03 and libcuda is 550.163.01", "reboot"},
    {"driver-libraries", "of another version than the module",
     "write /proc/driver/nvidia/version NVRM version: NVIDIA UNIX x86_64 Kernel Module  "
     "535.261.03  Thu Jan  1 00:00:00 UTC 2026\\n\n",
     OK, "550.163.01"},
    {"persistenced", "initialised", NULL, OK, "initialised"},
    {"persistenced", "asleep",
     "write /proc/driver/nvidia/gpus/0000:07:00.0/information Model: x\\n\n", WARN,
     "not initialised", "nvidia-persistenced"},
    {"fabric-manager", "no switch", NULL, SKIP, "no NVSwitch"},
    {"fabric-manager", "a switch, no manager", PCI("0x10de", "0x068000"), FAIL, "no fabric manager",
     "sudo apt-get install nvidia-fabricmanager"},
    {"fabric-manager", "a switch and its manager",
     PCI("0x10de", "0x068000") "empty /run/nvidia-fabricmanager/socket\n", OK, "runs"},
    {"mig", "not cut", NULL, SKIP, "no GPU is cut"},
    {"mig", "whole",
     "write " CAPS "/access DeviceFileMinor: 12\\n\nwrite " CAPS
     "/ci0/access DeviceFileMinor: 13\\n\n"
     "node /dev/nvidia-caps/nvidia-cap12\nnode /dev/nvidia-caps/nvidia-cap13\n",
     OK, "1 GPU instances, 1 compute"},
    {"mig", "without a compute instance",
     "write " CAPS "/access DeviceFileMinor: 12\\n\nnode /dev/nvidia-caps/nvidia-cap12\n", FAIL,
     "no compute instance", "sudo nvidia-smi mig -cci"},
    {"mig", "without a node",
     "write " CAPS "/access DeviceFileMinor: 12\\n\nwrite " CAPS
     "/ci0/access DeviceFileMinor: 13\\n\nnode /dev/nvidia-caps/nvidia-cap12\n",
     FAIL, "nvidia-cap13 is missing", "nvidia-modprobe -f"},
    {"mps", "running", "empty /tmp/nvidia-mps/control\n", OK, "listens"},
    {"mps", "not running", NULL, WARN, "no MPS", "nvidia-cuda-mps-control -d"},

    {"node-control", "there", NULL, OK, "1 GPU"},
    {"node-control", "the GPU's is missing", "remove /dev/nvidia0\n", FAIL, "/dev/nvidia0",
     "sudo nvidia-modprobe -c0"},
    {"node-control", "no module", NO_MODULE, SKIP, "not loaded"},
    {"node-uvm", "there", NULL, OK, "there"},
    {"node-uvm", "missing", "remove /dev/nvidia-uvm\n", FAIL, "/dev/nvidia-uvm is missing",
     "sudo nvidia-modprobe -u -c0"},
    {"node-uvm-tools", "there", NULL, OK, "there"},
    {"node-uvm-tools", "missing", "remove /dev/nvidia-uvm-tools\n", WARN, "profilers",
     "sudo nvidia-modprobe -u -c0"},
    {"node-modeset", "there", NULL, OK, "there"},
    {"node-modeset", "missing", "remove /dev/nvidia-modeset\n", FAIL, "Vulkan",
     "sudo nvidia-modprobe -m"},
    {"node-dri", "there", NULL, OK, "2 nodes"},
    {"node-dri", "missing", "remove /dev/dri/renderD128\n", FAIL, "renderD128",
     "sudo modprobe nvidia-drm"},
    {"node-numbers", "stand-ins", NULL, SKIP, "stand-ins"},
    {"node-numbers", "the kernel's", "device /dev/nvidia-uvm 234 0\n", OK, "the numbers",
     .makes_devices = true},
    {"node-numbers", "of an earlier module", "device /dev/nvidia-uvm 511 0\n", FAIL,
     "has the major number 511 and the kernel's is", "sudo nvidia-modprobe -u -c0",
     .makes_devices = true},
    {"node-mode", "changed by hand", "device /dev/nvidiactl 195 255\nmode /dev/nvidiactl 0600\n",
     WARN, "mode 0600", "NVreg_DeviceFileMode", .makes_devices = true},
    {"node-access", "open", NULL, OK, "the caller may"},
    {"node-access", "closed", "mode /dev/nvidia0 0600\n", FAIL,
     "/dev/nvidia0 is closed to ada (mode 0600", "NVreg_DeviceFileMode=0666"},
    {"node-access", "closed, for root", "mode /dev/nvidia0 0600\n", OK, "root may",
     .is_root = true},
    {"node-groups", "open", NULL, OK, "no node"},
    {"node-groups", "of a group", "mode /dev/dri/renderD128 0660\n", WARN, "ada is not in",
     "sudo usermod -aG"},
    {"groups-kept", "open", NULL, OK, "no node is reached"},
    {"groups-kept", "by a group, with crun", "mode /dev/dri/renderD128 0660\n", OK, "crun keeps",
     .podman = INFO_PODMAN("5.4.2", "crun", "overlay"), .in_group = true},
    {"groups-kept", "by a group, with runc", "mode /dev/dri/renderD128 0660\n", WARN,
     "runc gives up", "sudo apt-get install crun",
     .podman = INFO_PODMAN("5.4.2", "runc", "overlay"), .in_group = true},
    {"node-mode", "as the driver was told", NULL, OK, "0666"},
    {"udev-rules", "none", NULL, OK, "no rule"},
    {"udev-rules", "proper ones",
     "write /etc/udev/rules.d/70-nvidia.rules "
     "KERNEL==\"nvidia\", RUN+=\"/usr/bin/nvidia-modprobe\"\\n\n",
     OK, "run no chmod"},
    {"udev-rules", "the well-known ones",
     "write /etc/udev/rules.d/70-nvidia.rules # NVIDIA devices\\nKERNEL==\"nvidia\", "
     "RUN+=\"/bin/bash -c 'chmod 666 /dev/nvidia*'\"\\n\n",
     WARN, "70-nvidia.rules repairs", "sudo udevadm control --reload-rules"},
    {0},
};
