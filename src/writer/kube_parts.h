#ifndef NVB_WRITER_KUBE_PARTS_H
#define NVB_WRITER_KUBE_PARTS_H

/* Private to src/writer/kube*.c. */

#include "writer/kube.h"

struct nvb_kube {
    const struct nvb_plan *plan;
    const struct nvb_kube_options *options;
    struct nvb_kube_place place;
    struct nvb_notes *notes;
};

/* Adds one use of an option, VALUE ("" where it has none) of which stands for one item. */
typedef int nvb_kube_add(struct nvb_kube *k, const struct nvb_plan_option *option,
                         const char *value, struct nvb_error **err);

enum nvb_kube_form {
    NVB_KUBE_TEXT,   /* the value at path */
    NVB_KUBE_NUMBER, /* a natural number at path */
    NVB_KUBE_FLAG,   /* true or false at path */
    NVB_KUBE_NAMES,  /* one item of a list at path */
    NVB_KUBE_CALL,   /* by a function, once for each item of the value */
    NVB_KUBE_LATER,  /* seen when all options are known, or said by other means */
    NVB_KUBE_NEVER,  /* cannot be said; path is the hint */
};

struct nvb_kube_key {
    const char *option; /* canonical name of an engine's option */
    enum nvb_kube_form form;
    unsigned targets; /* enum nvb_kube_target: who can be told */
    const char *path; /* "pod.dnsConfig.searches": of meta, pod or container */
    nvb_kube_add *add;
};

/* The row of an option, or NULL: no object has a place for it. */
const struct nvb_kube_key *nvb_kube_find_key(const char *option);

/* What stands at PATH, made where it is not there. */
struct nvb_doc *nvb_kube_place_at(struct nvb_kube *k, const char *path);

/* The item of the list PATH whose "name" is NAME, made where it is not there. */
struct nvb_doc *nvb_kube_place_named(struct nvb_doc *list, const char *name);

/* Refuses OPTION; WHY may be NULL. Returns -1. */
int nvb_kube_refuse(const struct nvb_kube *k, const struct nvb_plan_option *option, const char *why,
                    const char *hint, struct nvb_error **err);

bool nvb_kube_is_cluster(const struct nvb_kube *k);

/* Sets an annotation of the pod's, the one of this container alone where OWN is set. */
void nvb_kube_annotate(struct nvb_kube *k, const char *key, bool own, const char *value);

/* The functions of the table: kube_options.c, kube_storage.c, kube_network.c, kube_security.c. */
nvb_kube_add nvb_kube_add_annotation, nvb_kube_add_arch, nvb_kube_add_env, nvb_kube_add_env_file,
    nvb_kube_add_label, nvb_kube_add_size_limit, nvb_kube_add_cpus, nvb_kube_add_pull,
    nvb_kube_add_ulimit, nvb_kube_add_init, nvb_kube_add_device, nvb_kube_add_platform;
nvb_kube_add nvb_kube_add_volume, nvb_kube_add_mount, nvb_kube_add_tmpfs, nvb_kube_add_shm;
nvb_kube_add nvb_kube_add_host, nvb_kube_add_dns, nvb_kube_add_dns_option, nvb_kube_add_expose,
    nvb_kube_add_publish, nvb_kube_add_network, nvb_kube_add_namespace, nvb_kube_add_hostname,
    nvb_kube_add_sysctl;
nvb_kube_add nvb_kube_add_capability, nvb_kube_add_group, nvb_kube_add_security, nvb_kube_add_user,
    nvb_kube_add_userns;

/* What depends on several options: restart, health, --rm, --read-only. Return 0 or -1. */
int nvb_kube_add_life(struct nvb_kube *k, struct nvb_error **err);
int nvb_kube_add_health(struct nvb_kube *k, struct nvb_error **err);
int nvb_kube_add_scratch(struct nvb_kube *k, struct nvb_error **err);

#endif
