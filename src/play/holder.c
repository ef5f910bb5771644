#include <string.h>

#include "data/json.h"
#include "play/play.h"

void nvb_play_holders_done(struct nvb_play_holders *holders)
{
    nvb_vec_foreach (holder, holders) {
        free(holder->name);
        nvb_strv_done(&holder->gpus);
        nvb_strv_done(&holder->shared);
        nvb_strv_done(&holder->own);
    }
    nvb_vec_release(holders);
}

static void split(const char *text, struct nvb_strv *ret)
{
    _cleanup_strv_ struct nvb_strv parts = {0};
    if (!text)
        return;
    nvb_strv_split(&parts, text, ',');
    nvb_vec_foreach (part, &parts)
        if (**part)
            nvb_strv_add(ret, *part);
}

/* A played pod's labels are on each of its containers, with one for each of them by its name in the
 * pod; Podman calls it POD-NAME. */
static void read_own(const struct nvb_doc *labels, const char *name, struct nvb_play_holder *holder)
{
    static const char mark[] = NVB_PLAN_GPU_LABEL "/";
    bool is_pods = false;
    if (!labels || labels->type != NVB_DOC_MAP)
        return;
    nvb_vec_foreach (label, &labels->map) {
        if (!nvb_has_prefix(label->key, mark))
            continue;
        const char *part = label->key + strlen(mark);
        _cleanup_free_ char *ending = nvb_strdupf("-%s", part);
        is_pods = true;
        if (name && (strcmp(name, part) == 0 || nvb_has_suffix(name, ending)) &&
            holder->own.count == 0)
            split(label->value.text, &holder->own);
    }
    if (is_pods)
        return;
    nvb_vec_foreach (word, &holder->gpus)
        nvb_strv_add(&holder->own, *word);
    nvb_vec_foreach (word, &holder->shared)
        nvb_strv_add(&holder->own, *word);
}

static void add(const struct nvb_doc *container, const struct nvb_strv *gone,
                struct nvb_play_holders *ret)
{
    const struct nvb_doc *labels = nvb_doc_find(container, "Labels");
    const struct nvb_doc *names = nvb_doc_find(container, "Names");
    const char *pod = nvb_doc_find_text(container, "PodName");
    const char *name = names && names->type == NVB_DOC_LIST && names->list.count
                           ? names->list.items[0].text
                           : NULL;
    if (pod && nvb_strv_has(gone, pod))
        return;
    struct nvb_play_holder *holder = nvb_vec_add(ret);
    holder->name = nvb_strdup(name ? name : "a container");
    split(nvb_doc_find_text(labels, NVB_PLAN_GPU_LABEL), &holder->gpus);
    split(nvb_doc_find_text(labels, NVB_PLAY_SHARED_LABEL), &holder->shared);
    read_own(labels, name, holder);
}

int nvb_play_read_holders(const char *json, size_t len, const struct nvb_strv *gone,
                          struct nvb_play_holders *ret, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (strspn(json, " \n") == len)
        return 0;
    if (nvb_json_read(json, len, "podman ps", &doc, err) < 0)
        return nvb_error_prefix(err, "what Podman says of its containers");
    if (doc.type == NVB_DOC_NULL)
        return 0;
    if (doc.type != NVB_DOC_LIST)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "Podman lists its containers oddly");
    nvb_vec_foreach (container, &doc.list)
        add(container, gone, ret);
    return 0;
}
