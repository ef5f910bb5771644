/* Engines, Docker's service, registries. */

#include "examine.h"

#define OK   NVB_VERDICT_OK
#define WARN NVB_VERDICT_WARN
#define FAIL NVB_VERDICT_FAIL
#define SKIP NVB_VERDICT_SKIP

#define PODMAN5  .podman = INFO_PODMAN("5.4.2", "crun", "overlay")
#define DOCKER26 .docker = INFO_DOCKER("26.1.5", ", \"CDISpecDirs\": []")
#define DAEMON   "write /etc/docker/daemon.json "
#define NVIDIA   "\"runtimes\": {\"nvidia\": {\"path\": \"nvidia-container-runtime\"}}"
#define INFO     "/usr/lib/python3/dist-packages/podman_compose-"
#define OLD                                                          \
    "[registries.search]\\nregistries = ['docker.io', 'quay.io']\\n" \
    "[registries.insecure]\\nregistries = ['localhost:5000']\\n"

const struct examine_row nvb_examine_engines[] = {
    {"engine", "none", NULL, FAIL, "neither", "sudo apt-get install podman"},
    {"engine", "none, on RHEL", "write /etc/os-release ID=\"rhel\"\\n\n", FAIL, "neither",
     "sudo dnf install podman"},
    {"engine", "none, on an unknown one", "write /etc/os-release ID=mine\\n\n", FAIL, "neither",
     "install Podman with"},
    {"engine", "Podman", NULL, OK, "Podman 5.4.2", PODMAN5},
    {"engine", "Docker", NULL, OK, "Docker 26.1.5", DOCKER26},
    {"engine-answers", "it does", NULL, OK, "answers", PODMAN5},
    {"engine-answers", "it does not", NULL, FAIL, "it is broken", "doctor --last", .podman = "-"},
    {"engine-cdi", "Podman 5", NULL, OK, "has CDI", PODMAN5},
    {"engine-cdi", "Podman 4.3", NULL, OK, "'--gpus' does nothing",
     .podman = INFO_PODMAN("4.3.1", "crun", "overlay")},
    {"engine-cdi", "Podman 3", NULL, WARN, "3.4.4 has no CDI", "Podman 4.1",
     .podman = INFO_PODMAN("3.4.4", "crun", "overlay")},
    {"engine-cdi", "Docker 20", NULL, WARN, "20.10.24 has no CDI", "Docker 25",
     .docker = INFO_DOCKER("20.10.24", "")},
    {"oci-runtime", "crun", NULL, OK, "crun (/usr/bin/crun)", PODMAN5},
    {"oci-runtime", "none", NULL, FAIL, "no OCI runtime", "sudo apt-get install crun",
     .podman = INFO_PODMAN("5.4.2", "", "overlay")},
    {"oci-runtime", "another", NULL, WARN, "'kata'", "crun",
     .podman = INFO_PODMAN("5.4.2", "kata", "overlay")},
    {"compose", "none", NULL, SKIP, "no tool", PODMAN5},
    {"compose", "old", "folder " INFO "1.0.3.egg-info\n", WARN, "1.0.3 drops", "1.2 or later",
     PODMAN5},
    {"compose", "new", "folder " INFO "1.3.0.dist-info\n", OK, "podman-compose 1.3.0", PODMAN5},
    {"buildx", "Podman", NULL, OK, "podman build", PODMAN5},
    {"buildx", "Docker without it", NULL, WARN, "without its plugin", "docker-buildx", DOCKER26},
    {"buildx", "Docker with it", "empty /usr/libexec/docker/cli-plugins/docker-buildx\n", OK,
     "installed", DOCKER26},

    {"docker-daemon", "none", NULL, SKIP, "not installed", PODMAN5},
    {"docker-daemon", "answers", NULL, OK, "answers", DOCKER26},
    {"docker-daemon", "does not answer", NULL, FAIL, "broken", "sudo systemctl enable --now docker",
     .docker = "-"},
    {"docker-daemon", "its errors in JSON", NULL, FAIL, "Cannot connect", "systemctl",
     .docker = "{\"ServerErrors\": [\"Cannot connect to the Docker daemon\"]}"},
    {"docker-daemon", "a broken daemon.json", DAEMON "{\"features\": }\\n\n", FAIL,
     "/etc/docker/daemon.json:1:14", "mend that file", DOCKER26},
    {"docker-socket", "none", NULL, SKIP, "there is no", DOCKER26},
    {"docker-socket", "closed", "empty /var/run/docker.sock\nmode /var/run/docker.sock 0660\n",
     FAIL, "may not use", "sudo usermod -aG docker ada", DOCKER26},
    {"docker-socket", "by the group",
     "empty /var/run/docker.sock\nmode /var/run/docker.sock 0660\n", OK, "may use", DOCKER26,
     .in_group = true},
    {"docker-cdi", "on", DAEMON "{\"features\": {\"cdi\": true}}\\n\n", OK, "it is on", DOCKER26},
    {"docker-cdi", "off", NULL, WARN, "has it off", "\"cdi\": true", DOCKER26},
    {"docker-cdi", "by default", NULL, OK, "it is on", .docker = INFO_DOCKER("28.5.0", "")},
    {"docker-cdi", "too old", NULL, WARN, "20.10.24 has no CDI", "Docker 25",
     .docker = INFO_DOCKER("20.10.24", "")},
    {"docker-cgroup", "no runtime of NVIDIA's", NULL, OK, "no runtime", DOCKER26},
    {"docker-cgroup", "systemd", DAEMON "{" NVIDIA "}\\n\n", WARN, "daemon-reload", "cgroupfs",
     .docker = INFO_DOCKER("26.1.5", ", \"CgroupDriver\": \"systemd\"")},
    {"docker-cgroup", "cgroupfs",
     DAEMON "{" NVIDIA ", \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"]}\\n\n", OK,
     "not systemd", .docker = INFO_DOCKER("26.1.5", ", \"CgroupDriver\": \"systemd\"")},
    {"docker-runtime", "ordinary", NULL, OK, "ordinary", DOCKER26},
    {"docker-runtime", "not installed", DAEMON "{" NVIDIA "}\\n\n", FAIL, "not there",
     "systemctl restart docker", DOCKER26},
    {"docker-runtime", "the default",
     "empty /usr/bin/nvidia-container-runtime\n" DAEMON "{" NVIDIA
     ", \"default-runtime\": \"nvidia\"}\\n\n",
     WARN, "unasked", "default-runtime", DOCKER26},

    {"registries-format", "version 2", NULL, OK, "version 2", PODMAN5},
    {"registries-format", "version 1", "write /etc/containers/registries.conf " OLD "\n", WARN,
     "version 1",
     "printf '%s\\n' 'unqualified-search-registries = [\"docker.io\", \"quay.io\"]' '' "
     "'[[registry]]' 'location = \"localhost:5000\"' 'insecure = true' | sudo install",
     PODMAN5},
    {"registries-format", "the user's",
     "write /home/ada/.config/containers/registries.conf " OLD "\n", WARN,
     "/home/ada/.config/containers/registries.conf",
     "cp -p --no-clobber /home/ada/.config/containers/registries.conf", PODMAN5},
    {"registries-format", "mixed",
     "write /etc/containers/registries.conf unqualified-search-registries = []\\n" OLD "\n", FAIL,
     "mixes", "[registries.search]", PODMAN5},
    {"registries-format", "broken", "write /etc/containers/registries.conf a = [\\n\n", FAIL,
     "/etc/containers/registries.conf:", "mend that line", PODMAN5},
    {"registries-search", "docker.io", NULL, OK, "docker.io", PODMAN5},
    {"registries-search", "none", "write /etc/containers/registries.conf # nothing\\n\n", WARN,
     "names no registry", "/home/ada/.config/containers/registries.conf.d/50-nvbind.conf", PODMAN5},
    {"registries-search", "no file", "remove /etc/containers/registries.conf\n", WARN,
     "there is no registries.conf", "docker.io/nvidia/cuda", PODMAN5},
    {0},
};
