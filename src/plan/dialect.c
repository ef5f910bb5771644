#include "plan/dialect.h"

#include <string.h>

#include "base/str.h"
#include "base/vec.h"

#define PODMAN NVB_OPTION_PODMAN
#define DOCKER NVB_OPTION_DOCKER
#define IS     NVB_DIALECT_IS
#define BEGINS NVB_DIALECT_BEGINS
#define MODE   NVB_DIALECT_MODE
#define FIELD  NVB_DIALECT_FIELD

/*
 * Each row was tried on Podman 4.3.1 and 6.1, or on Docker 20.10 and 28.5, and refused there or, as
 * entry points in JSON, groups and labels are by Docker, taken for something else. What Podman
 * takes of Docker's ("systempaths=unconfined", "cached") is not here.
 */
/* clang-format off */
static const struct nvb_dialect rows[] = {
    {"cgroupns", BEGINS, PODMAN, "container:", NULL},
    {"cgroupns", BEGINS, PODMAN, "ns:", NULL},
    {"dns", IS, PODMAN, "none", NULL},
    {"entrypoint", BEGINS, PODMAN, "[", NULL},
    {"group-add", IS, PODMAN, "keep-groups", NULL},
    {"ipc", BEGINS, PODMAN, "ns:", NULL},
    {"log-driver", BEGINS, PODMAN, "passthrough", NULL},
    {"log-driver", IS, PODMAN, "k8s-file", NULL},
    {"log-driver", IS, DOCKER, "awslogs", NULL},
    {"log-driver", IS, DOCKER, "fluentd", NULL},
    {"log-driver", IS, DOCKER, "gcplogs", NULL},
    {"log-driver", IS, DOCKER, "gelf", NULL},
    {"log-driver", IS, DOCKER, "local", NULL},
    {"log-driver", IS, DOCKER, "splunk", NULL},
    {"log-driver", IS, DOCKER, "syslog", NULL},
    {"mount", FIELD, PODMAN, "type=devpts", NULL},
    {"mount", FIELD, PODMAN, "type=glob", NULL},
    {"mount", FIELD, PODMAN, "type=ramfs", NULL},
    {"mount", FIELD, DOCKER, "type=cluster", NULL},
    {"mount", FIELD, DOCKER, "type=npipe", NULL},
    {"network", BEGINS, PODMAN, "bridge:", NULL},
    {"network", BEGINS, PODMAN, "ns:", NULL},
    {"network", BEGINS, PODMAN, "pasta:", NULL},
    {"network", BEGINS, PODMAN, "slirp4netns:", NULL},
    {"network", IS, PODMAN, "pasta", NULL},
    {"network", IS, PODMAN, "private", NULL},
    {"network", IS, PODMAN, "slirp4netns", NULL},
    {"network", BEGINS, DOCKER, "name=", NULL},
    {"pid", BEGINS, PODMAN, "ns:", NULL},
    {"pid", IS, PODMAN, "private", NULL},
    {"pull", IS, PODMAN, "newer", NULL},
    {"security-opt", IS, PODMAN, "unmask=ALL", "systempaths=unconfined"},
    {"security-opt", IS, PODMAN, "unmask=all", "systempaths=unconfined"},
    {"security-opt", IS, PODMAN, "label=nested", NULL},
    {"security-opt", BEGINS, PODMAN, "mask=", NULL},
    {"security-opt", BEGINS, PODMAN, "proc-opts=", NULL},
    {"security-opt", BEGINS, PODMAN, "unmask=", NULL},
    {"ulimit", IS, PODMAN, "host", NULL},
    {"userns", BEGINS, PODMAN, "auto", NULL},
    {"userns", BEGINS, PODMAN, "container:", NULL},
    {"userns", BEGINS, PODMAN, "keep-id", NULL},
    {"userns", BEGINS, PODMAN, "nomap", NULL},
    {"userns", BEGINS, PODMAN, "ns:", NULL},
    {"uts", BEGINS, PODMAN, "container:", NULL},
    {"uts", BEGINS, PODMAN, "ns:", NULL},
    {"uts", IS, PODMAN, "private", NULL},
    {"volume", MODE, PODMAN, "O", NULL},
    {"volume", MODE, PODMAN, "U", NULL},
    {"volume", MODE, PODMAN, "copy", NULL},
    {"volume", MODE, PODMAN, "idmap", NULL},
    {"volume", MODE, DOCKER, "consistent", NULL},
};
/* clang-format on */

static bool has_word(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (;;) {
        size_t here = strcspn(list, ",");
        if (here == len && memcmp(list, word, len) == 0)
            return true;
        list += here;
        if (*list++ == '\0')
            return false;
    }
}

/* HOST:CONTAINER:MODES: with one colon or none there are no modes. */
static bool has_mode(const char *value, const char *word)
{
    const char *first = strchr(value, ':');
    const char *last = strrchr(value, ':');
    return first && last != first && has_word(last + 1, word);
}

static bool matches(const struct nvb_dialect *row, const char *value)
{
    switch ((enum nvb_dialect_match)row->match) {
    case NVB_DIALECT_IS:
        return strcmp(value, row->text) == 0;
    case NVB_DIALECT_BEGINS:
        return nvb_has_prefix(value, row->text);
    case NVB_DIALECT_MODE:
        return has_mode(value, row->text);
    case NVB_DIALECT_FIELD:
        return has_word(value, row->text);
    }
    return false;
}

const struct nvb_dialect *nvb_dialect_find(const char *option, const char *value, unsigned engine)
{
    for (size_t i = 0; i < NVB_COUNT(rows); i++)
        if (!(rows[i].engines & engine) && strcmp(rows[i].option, option) == 0 &&
            matches(&rows[i], value))
            return &rows[i];
    return NULL;
}
