/* A Compose project of one file and its .env, which stands in front of a line "---": what is read
 * has places, what is planned is written as YAML that reads back, and so are the copies. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "compose/override.h"
#include "compose/relocate.h"

static const struct nvb_yaml_options options = {.aliases = true, .tags = true};

static void check(int condition)
{
    if (!condition)
        abort();
}

/* A file that lies nowhere; its path is owned. */
static char *put(const void *data, size_t size, int *ret_fd)
{
    *ret_fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(*ret_fd >= 0 && nvb_write_all(*ret_fd, data, size) == 0);
    return nvb_strdupf("/proc/self/fd/%d", *ret_fd);
}

static void check_yaml(const char *text, size_t len)
{
    _cleanup_docs_ struct nvb_docs docs = {0};
    check(nvb_yaml_read_all(text, len, "written", &options, &docs, NULL) == 0);
}

static void try_services(const struct nvb_compose_model *model, enum nvb_compose_flavour flavour)
{
    _cleanup_compose_override_ struct nvb_compose_override override = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_plan plan = {.mode = NVB_PLAN_DIRECT};
    nvb_cdi_edits_add_node(&plan.edits, "/dev/nvidia0");
    nvb_vec_foreach (service, &model->services) {
        _cleanup_error_ struct nvb_error *err = NULL;
        _cleanup_compose_wish_ struct nvb_compose_wish wish = {0};
        _cleanup_strv_ struct nvb_strv words = {0};
        int r = nvb_compose_wish_read(service, flavour, &wish, &err);
        check((r < 0) == (err != NULL) && (r != 0 || wish.place.line > 0) &&
              (!err || err->line > 0));
        if (r != 0)
            continue;
        nvb_compose_wish_words(service, &wish, &words);
        check(words.count >= 2);
        (void)nvb_compose_override_add(&override, service, &plan, NULL);
    }
    if (nvb_compose_override_write(&override, &text, NULL) == 0)
        check_yaml(text.data, text.len);
    nvb_plan_done(&plan);
}

static void try_copies(struct nvb_compose_model *model, const struct nvb_compose_project *project)
{
    _cleanup_strv_ struct nvb_strv texts = {0};
    (void)nvb_compose_must_relocate(model, NULL);
    if (nvb_compose_relocate(model, project, &texts, NULL) == 0)
        nvb_vec_foreach (text, &texts)
            check_yaml(*text, strlen(*text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum nvb_compose_flavour flavours[] = {NVB_COMPOSE_DOCKER, NVB_COMPOSE_PODMAN};
    _cleanup_close_ int variables_fd = -1;
    _cleanup_close_ int fd = -1;
    char *const environment[] = {(char *)"HOME=/home/me", NULL};
    const char *line = memmem(data, size, "\n---\n", 5);
    const size_t first = line ? (size_t)(line - (const char *)data) : 0;
    const size_t behind = line ? first + 5 : 0;
    _cleanup_free_ char *variables = put(data, first, &variables_fd);
    _cleanup_free_ char *path = put(data + behind, size - behind, &fd);
    for (size_t i = 0; i < NVB_COUNT(flavours); i++) {
        _cleanup_compose_project_ struct nvb_compose_project project = {
            .directory = nvb_strdup("/nowhere"),
            .variables = {.environment = environment},
        };
        _cleanup_compose_model_ struct nvb_compose_model model = {0};
        _cleanup_error_ struct nvb_error *err = NULL;
        nvb_strv_add(&project.files, path);
        if (nvb_compose_variables_read(&project.variables, variables, NULL) < 0)
            continue;
        if (nvb_compose_model_read(&project, flavours[i], &model, &err) < 0) {
            check(err && err->message[0] && (!err->file || err->line > 0));
            continue;
        }
        try_services(&model, flavours[i]);
        try_copies(&model, &project);
    }
    return 0;
}
