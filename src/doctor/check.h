#ifndef NVB_DOCTOR_CHECK_H
#define NVB_DOCTOR_CHECK_H

/* For the files of checks: a row, what it gets, and how it says what it found. */

#include "doctor/doctor.h"
#include "host/distribution.h"
#include "host/engine.h"
#include "host/user.h"

struct nvb_doctor;
struct nvb_doctor_cdi;

struct nvb_check {
    const char *name;
    const char *group;
    const char *looks_at;
    const char *needs; /* a row further up that must not have failed or been skipped; or NULL */
    void (*run)(struct nvb_doctor *d, struct nvb_finding *f);
    bool on_request; /* only where its name or a profile asks: it matters to some work alone */
};

#define NVB_CHECK(name_, group_, looks_at_, needs_, run_)                               \
    {                                                                                   \
        .name = (name_), .group = (group_), .looks_at = (looks_at_), .needs = (needs_), \
        .run = (run_)                                                                   \
    }
#define NVB_CHECK_ON_REQUEST(name_, group_, looks_at_, needs_, run_)                    \
    {                                                                                   \
        .name = (name_), .group = (group_), .looks_at = (looks_at_), .needs = (needs_), \
        .run = (run_), .on_request = true                                               \
    }

/* The tables, one a file, each ended by a row without a name. */
extern const struct nvb_check nvb_checks_engine[];
extern const struct nvb_check nvb_checks_driver[];
extern const struct nvb_check nvb_checks_service[];
extern const struct nvb_check nvb_checks_nodes[];
extern const struct nvb_check nvb_checks_access[];
extern const struct nvb_check nvb_checks_rootless[];
extern const struct nvb_check nvb_checks_machine[];
extern const struct nvb_check nvb_checks_security[];
extern const struct nvb_check nvb_checks_cdi[];
extern const struct nvb_check nvb_checks_docker[];
extern const struct nvb_check nvb_checks_display[];
extern const struct nvb_check nvb_checks_storage[];
extern const struct nvb_check nvb_checks_registries[];
extern const struct nvb_check nvb_checks_network[];
extern const struct nvb_check nvb_checks_services[];

/* ---- saying what was found ---- */

/* Each sets verdict and evidence; the last call counts. */
void nvb_finding_ok(struct nvb_finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void nvb_finding_warn(struct nvb_finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void nvb_finding_fail(struct nvb_finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void nvb_finding_skip(struct nvb_finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A further step of the fix: a command (words, ended by NULL) as root, as the caller; or text. The
 * step is borrowed until the next one is added. */
struct nvb_fix_step *nvb_fix_root(struct nvb_finding *f, ...) __attribute__((sentinel));
struct nvb_fix_step *nvb_fix_user(struct nvb_finding *f, ...) __attribute__((sentinel));
struct nvb_fix_step *nvb_fix_text(struct nvb_finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The file PATH with CONTENT, mode 0644, in folders that are made. */
struct nvb_fix_step *nvb_fix_write(struct nvb_finding *f, bool root, const char *path,
                                   const char *content);

/* The distribution's own install command; where it has none, a text that names WHAT. */
void nvb_fix_install(struct nvb_finding *f, struct nvb_doctor *d, enum nvb_package package,
                     const char *what);

/* ---- what a check gets ---- */

/* What is read once, on first use. */
enum nvb_doctor_fact {
    NVB_FACT_DISTRIBUTION = 1 << 0,
    NVB_FACT_GPUS = 1 << 1,
    NVB_FACT_NODES = 1 << 2,
    NVB_FACT_DRIVER = 1 << 3,
    NVB_FACT_PODMAN = 1 << 4,
    NVB_FACT_DOCKER = 1 << 5,
    NVB_FACT_MOUNTS = 1 << 6,
    NVB_FACT_NAME = 1 << 7,
    NVB_FACT_PCI = 1 << 8,
    NVB_FACT_VERSION = 1 << 9,
};

struct nvb_doctor_engine {
    bool installed;
    struct nvb_engine engine; /* path; version 0 where it is not known */
    bool asked;               /* it was called */
    bool answered;            /* … and info is what it said of itself ("info", as JSON) */
    struct nvb_doc info;
    char *trouble; /* its own message where it did not answer, else NULL */
};

/* A GPU on the PCI bus, whatever driver it has. */
struct nvb_doctor_pci {
    char *address;
    unsigned vendor, device, class;
    char *driver; /* the kernel's driver that has it, or NULL */
};

struct nvb_doctor_pcis NVB_VEC(struct nvb_doctor_pci);

struct nvb_doctor_mount {
    char *point; /* where */
    char *root;  /* what part of the file system is there */
    char *type;  /* "cgroup2" */
};

struct nvb_doctor_mounts NVB_VEC(struct nvb_doctor_mount);

struct nvb_doctor {
    const struct nvb_doctor_options *options; /* borrowed */
    struct nvb_host host;
    struct nvb_user user;
    unsigned known; /* of nvb_doctor_fact */
    unsigned calls; /* of engines, so far */

    /* read through the functions below alone */
    struct nvb_distribution distribution;
    struct nvb_gpus gpus;
    struct nvb_nodes nodes;
    struct nvb_driver driver;
    char *module_version; /* NULL: no module is loaded */
    char *gpu_trouble, *driver_trouble, *version_trouble;
    struct nvb_doctor_engine podman, docker;
    struct nvb_doctor_mounts mounts;
    struct nvb_doctor_pcis pci;
    char *user_name;
    struct nvb_doctor_cdi *cdi; /* check_cdi.c's own */
    struct nvb_findings done;   /* of every check that ran, seen or not */
};

/* True where nothing is missing because nobody recorded it: the machine itself, or a root that has
 * MARK ("/proc/sys"). */
bool nvb_doctor_records(const struct nvb_doctor *d, const char *mark);

/*
 * For a check that stands on what the file or folder PATH says: skips F and returns false where
 * MARK is not recorded. Usual marks: */
#define NVB_RECORDS_ACCOUNTS "/etc/passwd"
#define NVB_RECORDS_KERNEL   "/proc/sys"
#define NVB_RECORDS_DEVICES  "/dev/null"
#define NVB_RECORDS_MOUNTS   "/proc/self/mountinfo"
bool nvb_doctor_wants(const struct nvb_doctor *d, const char *mark, struct nvb_finding *f);

/* The text of a small file of the host, or NULL: it is not there or cannot be read. Owned. */
char *nvb_doctor_read(const struct nvb_doctor *d, const char *path);

/* The first line of it, without the newline. Owned, or NULL. */
char *nvb_doctor_read_line(const struct nvb_doctor *d, const char *path);

/* A file that holds one number. Returns 0, or 1 where it is none. */
int nvb_doctor_read_number(const struct nvb_doctor *d, const char *path, uint64_t *ret);

bool nvb_doctor_exists(const struct nvb_doctor *d, const char *path);

/* Appends the names in the folder PATH (sorted) that end in SUFFIX; NULL: all. */
void nvb_doctor_list(const struct nvb_doctor *d, const char *path, const char *suffix,
                     struct nvb_strv *ret);

/* The value of a variable of the caller's; an empty one is NULL. */
const char *nvb_doctor_env(const struct nvb_doctor *d, const char *name);

/* $HOME/REST, $XDG_CONFIG_HOME/REST and the like: owned, or NULL where it is not known. */
char *nvb_doctor_home(const struct nvb_doctor *d, const char *rest);
char *nvb_doctor_config_path(const struct nvb_doctor *d, const char *rest);
char *nvb_doctor_data_path(const struct nvb_doctor *d, const char *rest);

const struct nvb_distribution *nvb_doctor_distribution(struct nvb_doctor *d);
const struct nvb_gpus *nvb_doctor_gpus(struct nvb_doctor *d);
const struct nvb_nodes *nvb_doctor_nodes(struct nvb_doctor *d);
const struct nvb_driver *nvb_doctor_driver(struct nvb_doctor *d);
const char *nvb_doctor_module(struct nvb_doctor *d);
const struct nvb_doctor_mounts *nvb_doctor_mounts(struct nvb_doctor *d);
const struct nvb_doctor_pcis *nvb_doctor_pci(struct nvb_doctor *d);
const struct nvb_doctor_engine *nvb_doctor_podman(struct nvb_doctor *d);
const struct nvb_doctor_engine *nvb_doctor_docker(struct nvb_doctor *d);

/* The caller's login name; its number where it has none. Borrowed. */
const char *nvb_doctor_user_name(struct nvb_doctor *d);

/* The name in the line of TEXT, passwd(5) or group(5), whose third field is ID: owned, or NULL. */
char *nvb_doctor_find_name(const char *text, unsigned id);

/* True where containers of the caller would be rootless: not root, and Podman is there or nothing
 * is. */
bool nvb_doctor_is_rootless(struct nvb_doctor *d);

/* Skips F and returns false for a caller that is not rootless. */
bool nvb_doctor_wants_rootless(struct nvb_doctor *d, struct nvb_finding *f);

/* Releases what check_cdi.c has read. */
void nvb_doctor_cdi_free(struct nvb_doctor_cdi *views);

/* The cgroups: 1, 2, or 3 for both (hybrid); 0 where they are not mounted or not recorded. */
unsigned nvb_doctor_cgroups(struct nvb_doctor *d);

/* Whether SELinux is there and denies. */
bool nvb_doctor_selinux_enforces(struct nvb_doctor *d);

/* The name of the OCI runtime that Podman would start ("crun"), borrowed, or NULL: not known. */
const char *nvb_doctor_oci_runtime(struct nvb_doctor *d);

/* Appends the values of the option NAME (without dashes; LETTER is its short form or 0) in the
 * configuration's default_args, then in the last plan. */
void nvb_doctor_arguments(const struct nvb_doctor *d, const char *name, char letter,
                          struct nvb_strv *ret);

#endif
