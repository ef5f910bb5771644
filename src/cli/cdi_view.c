#include <string.h>
#include <unistd.h>

#include "base/trust.h"
#include "cli/cdi.h"

int nvb_cdi_view_open(const struct nvb_cli *cli, const char *for_engines, struct nvb_cdi_view *ret,
                      struct nvb_error **err)
{
    _cleanup_cdi_view_ struct nvb_cdi_view view = {.root = NVB_ROOT_INIT};
    nvb_user_read(environ, &view.user);
    if (nvb_root_open(cli->host.host_root ? cli->host.host_root : "/", &view.root, err) < 0)
        return -1;
    view.named = for_engines != NULL;
    if (!for_engines)
        nvb_cdi_consumers_find(environ, &view.user, &view.consumers);
    else if (nvb_cdi_consumers_parse(for_engines, environ, &view.user, &view.consumers, err) < 0)
        return -1;
    *ret = view;
    view = (struct nvb_cdi_view){.root = NVB_ROOT_INIT};
    return 0;
}

void nvb_cdi_view_done(struct nvb_cdi_view *view)
{
    nvb_user_done(&view->user);
    nvb_root_done(&view->root);
    nvb_cdi_consumers_done(&view->consumers);
}

void nvb_cdi_view_read(const struct nvb_cdi_view *view, struct nvb_cdi_registry *ret,
                       const struct nvb_cdi_consumer **ret_consumer, struct nvb_notes *notes)
{
    const struct nvb_cdi_consumer *consumer =
        view->consumers.count ? &view->consumers.items[0] : NULL;
    const struct nvb_cdi_setting setting = {&view->root, environ, &view->user};
    _cleanup_strv_ struct nvb_strv folders = {0};
    _cleanup_free_ char *own = NULL;
    nvb_cdi_consumer_folders(consumer, &setting, &folders, notes);
    if (consumer && nvb_cdi_consumer_takes_folder(consumer) && nvb_root_is_host(&view->root) &&
        nvb_trust_runtime_folder(view->user.runtime_dir, &own, NULL) == 0) {
        _cleanup_free_ char *folder = nvb_strdupf("%s/cdi", own);
        if (!nvb_strv_has(&folders, folder))
            nvb_strv_add(&folders, folder);
    }
    nvb_cdi_registry_read(&view->root, &folders, consumer, ret);
    *ret_consumer = consumer;
}

int nvb_cdi_parse_format(const char *word, enum nvb_cdi_format fallback, enum nvb_cdi_format *ret,
                         struct nvb_error **err)
{
    if (!word || strcmp(word, "json") == 0 || strcmp(word, "yaml") == 0) {
        *ret = !word ? fallback : *word == 'j' ? NVB_CDI_JSON : NVB_CDI_YAML;
        return 0;
    }
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--format is '%s'", word);
    return nvb_error_hint(err, "--format json, or yaml");
}
