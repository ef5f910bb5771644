#include "writer/record.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/trust.h"
#include "data/json.h"
#include "writer/writer.h"

/*
 * Theory of operation. The same value can stand in several places and spellings: "-eTOKEN=x" among
 * the words, "--env", "TOKEN=x" in the command line, "TOKEN=x" in the edits. So what is secret is
 * collected first from the parsed view, and then every text that ends with it loses that end.
 */

static void add_secrets(const struct nvb_plan_line *line, struct nvb_strv *ret)
{
    nvb_vec_foreach (option, &line->options) {
        if (!option->value)
            continue;
        if (nvb_plan_option_is(option, "env") || nvb_plan_option_is(option, "env-merge") ||
            nvb_plan_option_is(option, "creds") || nvb_plan_option_is(option, "http-proxy") ||
            nvb_plan_option_is(option, "decryption-key"))
            nvb_strv_add(ret, option->value);
    }
}

/* How much of TEXT stays: up to the "=" of a variable, or nothing of another secret. The end of one
 * secret may be another one, so the least counts. */
static size_t find_kept(const char *text, const struct nvb_strv *secrets)
{
    const size_t len = strlen(text);
    size_t kept = len;
    nvb_vec_foreach (secret, secrets) {
        const size_t n = strlen(*secret);
        if (n == 0 || n > len || memcmp(text + len - n, *secret, n) != 0)
            continue;
        const size_t name = strcspn(*secret, "=:");
        if ((*secret)[name] == '\0') /* "-e NAME": its value is not there */
            continue;
        const size_t stays = len - n + ((*secret)[name] == '=' ? name + 1 : 0);
        if (stays < kept)
            kept = stays;
    }
    return kept;
}

static void blank(struct nvb_doc *doc, const struct nvb_strv *secrets)
{
    if (doc->type == NVB_DOC_TEXT) {
        doc->text[find_kept(doc->text, secrets)] = '\0';
    } else if (doc->type == NVB_DOC_LIST) {
        nvb_vec_foreach (item, &doc->list)
            blank(item, secrets);
    } else if (doc->type == NVB_DOC_MAP) {
        nvb_vec_foreach (member, &doc->map)
            blank(&member->value, secrets);
    }
}

int nvb_record_build(const struct nvb_plan *plan, const struct nvb_exec *exec, char *const *words,
                     struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_strv_ struct nvb_strv secrets = {0};
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    nvb_doc_put_int(&doc, "format", NVB_RECORD_FORMAT);
    nvb_doc_put_int(&doc, "time", (int64_t)time(NULL));
    nvb_doc_put_text(&doc, "folder", folder);
    struct nvb_doc *list = nvb_doc_put(&doc, "words");
    nvb_doc_set_list(list);
    for (; *words; words++)
        nvb_doc_set_text(nvb_doc_push(list), *words);
    nvb_writer_doc(plan, exec, nvb_doc_put(&doc, "plan"));
    add_secrets(&plan->early, &secrets);
    add_secrets(&plan->defaults, &secrets);
    add_secrets(&plan->user, &secrets);
    nvb_vec_foreach (variable, &plan->edits.env)
        nvb_strv_add(&secrets, *variable);
    nvb_vec_foreach (variable, &exec->added)
        nvb_strv_add(&secrets, *variable);
    blank(&doc, &secrets);
    return nvb_json_write(&doc, NVB_JSON_COMPACT, ret, err);
}

void nvb_record_write(const struct nvb_plan *plan, const struct nvb_exec *exec, char *const *words,
                      const struct nvb_user *user)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (!user->state || !nvb_trust_is_own_place(user->state) ||
        nvb_record_build(plan, exec, words, &text, NULL) < 0 ||
        nvb_file_make_folders(user->state, 0700, NULL) < 0)
        return;
    _cleanup_free_ char *path = nvb_strdupf("%s/" NVB_RECORD_FILE, user->state);
    (void)nvb_file_write_light(path, text.data, text.len, 0600, NULL);
}
