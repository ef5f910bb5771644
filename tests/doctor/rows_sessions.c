/* Display, storage, networks, CDI. */

#include "examine.h"

#define OK   NVB_VERDICT_OK
#define WARN NVB_VERDICT_WARN
#define FAIL NVB_VERDICT_FAIL
#define SKIP NVB_VERDICT_SKIP

#define DISPLAY  .environment = "DISPLAY=:7"
#define X7       "folder /tmp/.X11-unix\nmode /tmp/.X11-unix 1777\nempty /tmp/.X11-unix/X7\n"
#define WAYLAND  .environment = "WAYLAND_DISPLAY=wayland-0\nXDG_RUNTIME_DIR=/run/user/4711"
#define PODMAN43 .podman = INFO_PODMAN("4.3.1", "crun", "overlay")
#define SPEC_OF(version, kind, device, edits)                                                      \
    "{\"cdiVersion\": \"" version "\", \"kind\": \"" kind "\", \"devices\": [{\"name\": \"" device \
    "\", \"containerEdits\": {" edits "}}]}\\n\n"
#define NODE       "\"deviceNodes\": [{\"path\": \"/dev/nvidia0\"}]"
#define GOOD       SPEC_OF("0.5.0", "nvidia.com/gpu", "0", NODE)
#define HOOK(path) NODE ", \"hooks\": [{\"hookName\": \"createContainer\", \"path\": \"" path "\"}]"
#define TCP                                                                                       \
    "write /proc/net/tcp   sl  local_address rem_address   st\\n"                                 \
    "   0: 00000000:22B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 " \
    "4242 1 0000000000000000 100 0 0 10 0\\n\n"

const struct examine_row nvb_examine_sessions[] = {
    {"x11-socket", "no session", NULL, SKIP, "DISPLAY is not set"},
    {"x11-socket", "there", X7, OK, "X7 is there", DISPLAY},
    {"x11-socket", "gone", NULL, FAIL, "there is no /tmp/.X11-unix/X7", "set DISPLAY", DISPLAY},
    {"x11-socket", "chmod 755", X7 "mode /tmp/.X11-unix 0755\n", WARN, "mode 0755",
     "sudo chmod 1777 /tmp/.X11-unix", DISPLAY},
    {"x11-socket", "by ssh", NULL, WARN, "localhost:10.0", "--network host",
     .environment = "DISPLAY=localhost:10.0"},
    {"x11-cookie", "none", X7, FAIL, "no X cookie", "XAUTHORITY", DISPLAY},
    {"x11-cookie", "of another display", X7 "write /home/ada/.Xauthority x\n", FAIL,
     "no cookie for display :7", "xauth generate :7 . trusted", DISPLAY},
    {"xhost", "a server that does not answer", X7, SKIP, "does not let us", DISPLAY},
    {"wayland", "no session", NULL, SKIP, "not set"},
    {"wayland", "there", "empty /run/user/4711/wayland-0\n", OK, "wayland-0 is there", WAYLAND},
    {"wayland", "gone", NULL, FAIL, "no Wayland socket", "set WAYLAND_DISPLAY", WAYLAND},
    {"sound", "there", "empty /run/user/4711/pipewire-0\n", OK, "pipewire-0", WAYLAND},
    {"sound", "PulseAudio's", "empty /run/user/4711/pulse/native\n", OK, "pulse/native", WAYLAND},
    {"sound", "none", NULL, WARN, "no sound server", "pipewire.socket", WAYLAND},
    {"input", "none", NULL, SKIP, "there is no"},
    {"input", "closed", "empty /dev/input/event0\nmode /dev/input/event0 0660\n", WARN,
     "may read no", "sudo usermod -aG input ada"},
    {"input", "by the group", "empty /dev/input/event0\nmode /dev/input/event0 0660\n", OK,
     "may read", .in_group = true},

    {"storage-driver", "overlay", NULL, OK, "overlay", PODMAN43},
    {"storage-driver", "vfs", NULL, WARN, "vfs", "driver = \"overlay\"",
     .podman = INFO_PODMAN("4.3.1", "crun", "vfs")},
    {"storage-driver", "vfs by the configuration",
     "write /home/ada/.config/containers/storage.conf [storage]\\ndriver = \"vfs\"\\n\n", WARN,
     "vfs", "in the section [storage] of /home/ada/.config/containers/storage.conf"},
    {"storage-filesystem", "local", NULL, OK, "lies on ext4"},
    {"storage-filesystem", "NFS",
     "write /proc/self/mountinfo 21 1 8:1 / / rw - ext4 /dev/sda1 rw\\n"
     "22 21 0:50 / /home rw - nfs4 server:/home rw\\n\n",
     FAIL, "lies on nfs4", "rootless_storage_path"},
    {"bind-source", "nothing mounted", NULL, SKIP, "neither"},
    {"bind-source", "there", "folder /data\n", OK, "1 folder", .options = "volume /data:/data"},
    {"bind-source", "a volume by name", NULL, SKIP, "neither", .options = "volume name:/data"},
    {"bind-source", "missing", NULL, FAIL, "'/data', which is to be mounted, is not there",
     "mkdir -p /data", .options = "mount type=bind,src=/data,dst=/data"},
    {"bind-source", "SELinux", "folder /data\nwrite /sys/fs/selinux/enforce 1\n", FAIL,
     "SELinux keeps", ":z", .options = "volume /data:/data"},
    {"bind-source", "SELinux and a label", "folder /data\nwrite /sys/fs/selinux/enforce 1\n", OK,
     "1 folder", .options = "volume /data:/data:Z"},
    {"bind-source", "another user's", "folder /data\nmode /data 0700\n", WARN, "is nobody",
     "sudo chown -R ada /data", .options = "volume /data:/data"},

    {"ports-privileged", "nothing published", NULL, OK, "from 1024 on"},
    {"ports-privileged", "a high one", NULL, OK, "from 1024 on", .options = "publish 8888:80"},
    {"ports-privileged", "a low one", NULL, FAIL, "port 80", "ip_unprivileged_port_start = 80",
     .options = "publish 127.0.0.1:80:80/tcp"},
    {"ports-used", "nothing published", NULL, SKIP, "neither"},
    {"ports-used", "free", TCP, OK, "free", .options = "publish 9999:80"},
    {"ports-used", "by whom",
     TCP "link /proc/77/fd/3 socket:[4242]\nwrite /proc/77/comm jupyter-lab\\n\n", FAIL,
     "port 8888 is taken by jupyter-lab (77)", "podman ps", .options = "publish 8888:8888"},
    {"ports-used", "in a range", TCP, FAIL, "port 8888", "podman ps",
     .options = "publish 8880-8890:8880-8890"},

    {"cdi-spec", "none", NULL, WARN, "no specification", "nvbind cdi"},
    {"cdi-spec", "one", "write /etc/cdi/nvidia.json " GOOD, OK, "/etc/cdi/nvidia.json", PODMAN43},
    {"cdi-readable", "none", NULL, SKIP, "no CDI"},
    {"cdi-readable", "one", "write /etc/cdi/nvidia.json " GOOD, OK, "can be read", PODMAN43},
    {"cdi-readable", "broken", "write /etc/cdi/nvidia.json {\\n\n", FAIL, "/etc/cdi/nvidia.json",
     "nvbind cdi validate /etc/cdi/nvidia.json", PODMAN43},
    {"cdi-version", "taken", "write /etc/cdi/nvidia.json " GOOD, OK, "too new", PODMAN43},
    {"cdi-version", "too new",
     "write /etc/cdi/nvidia.json " SPEC_OF("0.8.0", "nvidia.com/gpu", "0", NODE), FAIL, "0.8.0",
     "nvbind cdi", PODMAN43},
    {"cdi-conflict", "none", "write /etc/cdi/nvidia.json " GOOD, OK, "twice", PODMAN43},
    {"cdi-conflict", "two files",
     "write /etc/cdi/nvidia.json " GOOD "write /etc/cdi/other.json " GOOD, FAIL,
     "both give nvidia.com/gpu=0", "mv", PODMAN43},
    {"cdi-shadowed", "none", "write /etc/cdi/nvidia.json " GOOD, OK, "hides", PODMAN43},
    {"cdi-shadowed", "by the later folder",
     "write /etc/cdi/nvidia.json " GOOD "write /var/run/cdi/nvidia.json " GOOD, WARN,
     "counts for nothing", "rm /etc/cdi/nvidia.json", PODMAN43},
    {"cdi-folder", "where it looks", "write /etc/cdi/nvidia.json " GOOD, OK, "no specification",
     PODMAN43},
    {"cdi-folder", "the user's own", "write /home/ada/.config/cdi/nvidia.json " GOOD, WARN,
     "is not read by podman 4.3.1", "sudo install -D -m 0644", PODMAN43},
    {"cdi-stale", "fresh", "write /etc/cdi/nvidia.json " GOOD, OK, "is there", PODMAN43},
    {"cdi-stale", "a file is gone",
     "write /etc/cdi/nvidia.json " SPEC_OF(
         "0.5.0", "nvidia.com/gpu", "all",
         "\"mounts\": [{\"hostPath\": \"/usr/lib/libcuda.so.535.1\", \"containerPath\": "
         "\"/usr/lib/libcuda.so.535.1\"}]"),
     FAIL, "libcuda.so.535.1', which is not there", "nvbind cdi", PODMAN43},
    {"cdi-incumbent", "none", "write /etc/cdi/nvidia.json " GOOD, OK, "none is", PODMAN43},
    {"cdi-incumbent", "without its hook",
     "write /etc/cdi/nvidia.json " SPEC_OF("0.5.0", "nvidia.com/gpu", "0",
                                           HOOK("/usr/bin/nvidia-ctk")),
     FAIL, "which is not there", "nvbind cdi", PODMAN43},
    {"cdi-incumbent", "with its hook",
     "empty /usr/bin/nvidia-ctk\nwrite /etc/cdi/nvidia.json " SPEC_OF(
         "0.5.0", "nvidia.com/gpu", "0", HOOK("/usr/bin/nvidia-ctk")),
     WARN, "made once", "nvbind cdi", PODMAN43},
    {0},
};
