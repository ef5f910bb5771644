#include "cdi/format.h"

#include "cdi/spec.h"

/* In the order of the specification's own structs (specs-go/config.go). */

#define TEXT(type, member, key)                                                      \
    {                                                                                \
        .name = (key), .kind = NVB_CDI_FIELD_TEXT, .offset = offsetof(type, member), \
    }
#define NEEDED_TEXT(type, member, key)                                               \
    {                                                                                \
        .name = (key), .kind = NVB_CDI_FIELD_TEXT, .offset = offsetof(type, member), \
        .is_required = true,                                                         \
    }
#define TEXTS(type, member, key)                                                      \
    {                                                                                 \
        .name = (key), .kind = NVB_CDI_FIELD_TEXTS, .offset = offsetof(type, member), \
    }
#define NUMBER(type, member, key, highest)                                             \
    {                                                                                  \
        .name = (key), .kind = NVB_CDI_FIELD_NUMBER, .offset = offsetof(type, member), \
        .max = (highest),                                                              \
    }
#define FLAG(type, member, key)                                                      \
    {                                                                                \
        .name = (key), .kind = NVB_CDI_FIELD_FLAG, .offset = offsetof(type, member), \
    }
#define OBJECTS(type, member, key, table)                                               \
    {                                                                                   \
        .name = (key), .kind = NVB_CDI_FIELD_OBJECTS, .offset = offsetof(type, member), \
        .object = &(table),                                                             \
    }
#define ANNOTATIONS(type, member)                                \
    {                                                            \
        .name = "annotations", .offset = offsetof(type, member), \
        .kind = NVB_CDI_FIELD_ANNOTATIONS,                       \
    }

static const struct nvb_cdi_field node_fields[] = {
    NEEDED_TEXT(struct nvb_cdi_node, path, "path"),
    TEXT(struct nvb_cdi_node, host_path, "hostPath"),
    TEXT(struct nvb_cdi_node, type, "type"),
    NUMBER(struct nvb_cdi_node, major, "major", INT64_MAX),
    NUMBER(struct nvb_cdi_node, minor, "minor", INT64_MAX),
    NUMBER(struct nvb_cdi_node, file_mode, "fileMode", UINT32_MAX),
    TEXT(struct nvb_cdi_node, permissions, "permissions"),
    NUMBER(struct nvb_cdi_node, uid, "uid", UINT32_MAX),
    NUMBER(struct nvb_cdi_node, gid, "gid", UINT32_MAX),
    {0},
};
static const struct nvb_cdi_object node_object = {
    "a device node",
    sizeof(struct nvb_cdi_node),
    node_fields,
};

static const struct nvb_cdi_field mount_fields[] = {
    NEEDED_TEXT(struct nvb_cdi_mount, host_path, "hostPath"),
    NEEDED_TEXT(struct nvb_cdi_mount, container_path, "containerPath"),
    TEXTS(struct nvb_cdi_mount, options, "options"),
    TEXT(struct nvb_cdi_mount, type, "type"),
    {0},
};
static const struct nvb_cdi_object mount_object = {
    "a mount",
    sizeof(struct nvb_cdi_mount),
    mount_fields,
};

static const struct nvb_cdi_field hook_fields[] = {
    NEEDED_TEXT(struct nvb_cdi_hook, hook_name, "hookName"),
    NEEDED_TEXT(struct nvb_cdi_hook, path, "path"),
    TEXTS(struct nvb_cdi_hook, args, "args"),
    TEXTS(struct nvb_cdi_hook, env, "env"),
    NUMBER(struct nvb_cdi_hook, timeout, "timeout", UINT32_MAX),
    {0},
};
static const struct nvb_cdi_object hook_object = {
    "a hook",
    sizeof(struct nvb_cdi_hook),
    hook_fields,
};

static const struct nvb_cdi_field net_fields[] = {
    NEEDED_TEXT(struct nvb_cdi_net, host_name, "hostInterfaceName"),
    NEEDED_TEXT(struct nvb_cdi_net, container_name, "name"),
    {0},
};
static const struct nvb_cdi_object net_object = {
    "a network device",
    sizeof(struct nvb_cdi_net),
    net_fields,
};

static const struct nvb_cdi_field rdt_fields[] = {
    TEXT(struct nvb_cdi_rdt, clos_id, "closID"),
    TEXT(struct nvb_cdi_rdt, l3_schema, "l3CacheSchema"),
    TEXT(struct nvb_cdi_rdt, mem_schema, "memBwSchema"),
    TEXTS(struct nvb_cdi_rdt, schemata, "schemata"),
    FLAG(struct nvb_cdi_rdt, enable_cmt, "enableCMT"),
    FLAG(struct nvb_cdi_rdt, enable_mbm, "enableMBM"),
    FLAG(struct nvb_cdi_rdt, enable_monitoring, "enableMonitoring"),
    {0},
};
static const struct nvb_cdi_object rdt_object = {
    "intelRdt",
    sizeof(struct nvb_cdi_rdt),
    rdt_fields,
};

static const struct nvb_cdi_field edits_fields[] = {
    TEXTS(struct nvb_cdi_edits, env, "env"),
    OBJECTS(struct nvb_cdi_edits, nodes, "deviceNodes", node_object),
    OBJECTS(struct nvb_cdi_edits, nets, "netDevices", net_object),
    OBJECTS(struct nvb_cdi_edits, hooks, "hooks", hook_object),
    OBJECTS(struct nvb_cdi_edits, mounts, "mounts", mount_object),
    {
        .name = "intelRdt",
        .kind = NVB_CDI_FIELD_POINTER,
        .offset = offsetof(struct nvb_cdi_edits, rdt),
        .object = &rdt_object,
    },
    {
        .name = "additionalGids",
        .kind = NVB_CDI_FIELD_IDS,
        .offset = offsetof(struct nvb_cdi_edits, gids),
    },
    {0},
};
static const struct nvb_cdi_object edits_object = {
    "containerEdits",
    sizeof(struct nvb_cdi_edits),
    edits_fields,
};

static const struct nvb_cdi_field device_fields[] = {
    NEEDED_TEXT(struct nvb_cdi_device, name, "name"),
    ANNOTATIONS(struct nvb_cdi_device, annotations),
    {
        .name = "containerEdits",
        .kind = NVB_CDI_FIELD_OBJECT,
        .is_required = true,
        .offset = offsetof(struct nvb_cdi_device, edits),
        .object = &edits_object,
    },
    {0},
};
static const struct nvb_cdi_object device_object = {
    "a device",
    sizeof(struct nvb_cdi_device),
    device_fields,
};

static const struct nvb_cdi_field spec_fields[] = {
    NEEDED_TEXT(struct nvb_cdi_spec, version, "cdiVersion"),
    NEEDED_TEXT(struct nvb_cdi_spec, kind, "kind"),
    ANNOTATIONS(struct nvb_cdi_spec, annotations),
    {
        .name = "devices",
        .kind = NVB_CDI_FIELD_OBJECTS,
        .is_required = true,
        .offset = offsetof(struct nvb_cdi_spec, devices),
        .object = &device_object,
    },
    {
        .name = "containerEdits",
        .kind = NVB_CDI_FIELD_OBJECT,
        .offset = offsetof(struct nvb_cdi_spec, edits),
        .object = &edits_object,
    },
    {0},
};
const struct nvb_cdi_object nvb_cdi_spec_object = {
    "a specification",
    sizeof(struct nvb_cdi_spec),
    spec_fields,
};
