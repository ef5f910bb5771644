#ifndef NVB_WRITER_COMPOSE_PARTS_H
#define NVB_WRITER_COMPOSE_PARTS_H

/* Private to src/writer/compose*.c. */

#include "data/doc.h"
#include "writer/compose.h"

struct nvb_compose {
    const struct nvb_plan *plan;
    const struct nvb_compose_options *options;
    struct nvb_doc service;
    struct nvb_doc networks, volumes, secrets; /* of the file, beside the service */
};

/* Adds one item of an option's value ("" where it has none). Returns 0 or -1. */
typedef int nvb_compose_add(struct nvb_compose *c, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err);

enum nvb_compose_form {
    NVB_COMPOSE_TEXT,   /* the value at key */
    NVB_COMPOSE_NUMBER, /* the same; a number where it is one */
    NVB_COMPOSE_FLAG,   /* true or false at key */
    NVB_COMPOSE_ITEM,   /* one item of the list at key */
    NVB_COMPOSE_CALL,   /* by a function */
    NVB_COMPOSE_OWN,    /* Compose says it itself: left out */
    NVB_COMPOSE_NEVER,  /* a file cannot say it; key is why */
};

struct nvb_compose_key {
    const char *option; /* canonical name of an engine's option */
    enum nvb_compose_form form;
    unsigned tools;  /* enum nvb_compose_tool: who honours it */
    const char *key; /* "healthcheck.interval": a path in the service */
    nvb_compose_add *add;
};

/* The row of an option, or NULL: Compose has nothing for it. */
const struct nvb_compose_key *nvb_compose_find(const char *option);

/* Refuses OPTION; WHY and HINT may be NULL. Returns -1. */
int nvb_compose_refuse(const struct nvb_compose *c, const struct nvb_plan_option *option,
                       const char *why, const char *hint, struct nvb_error **err);

/* What stands at PATH of the service, made where it is not there. */
struct nvb_doc *nvb_compose_at(struct nvb_compose *c, const char *path);

/* Gives DOC the value TEXT, so that every tool reads it as that: the one place where text of the
 * user's gets into the file. A number only where NUMBER is set and it is one. */
void nvb_compose_set(struct nvb_doc *doc, const char *text);
void nvb_compose_set_number(struct nvb_doc *doc, const char *text);

bool nvb_compose_is(const struct nvb_compose *c, unsigned tools);

/* An absolute path for PATH, owned. */
char *nvb_compose_absolute(const struct nvb_compose *c, const char *path);

/* One bind mount, for what nvbind brings itself. Returns 0, or -1 where the tool cannot be told. */
int nvb_compose_add_bind(struct nvb_compose *c, const struct nvb_cdi_mount *mount,
                         struct nvb_error **err);

/* A device: a node, or a CDI name. */
void nvb_compose_add_device_word(struct nvb_compose *c, const char *word);

/* The functions of the table. */
nvb_compose_add nvb_compose_add_volume, nvb_compose_add_mount, nvb_compose_add_volumes_from;
nvb_compose_add nvb_compose_add_network, nvb_compose_add_network_alias, nvb_compose_add_address,
    nvb_compose_add_mac, nvb_compose_add_pid, nvb_compose_add_userns;
nvb_compose_add nvb_compose_add_device, nvb_compose_add_entrypoint, nvb_compose_add_env,
    nvb_compose_add_env_file, nvb_compose_add_group, nvb_compose_add_health,
    nvb_compose_add_no_health, nvb_compose_add_log_option, nvb_compose_add_rate,
    nvb_compose_add_secret, nvb_compose_add_stop_timeout, nvb_compose_add_storage,
    nvb_compose_add_ulimit, nvb_compose_add_weight, nvb_compose_add_pull;

#endif
