#include "doctor/last.h"

#include "base/file.h"
#include "base/trust.h"
#include "data/json.h"

char *nvb_last_path(const struct nvb_user *user, char *const *environment)
{
    const char *state = nvb_environment_get(environment, "XDG_STATE_HOME");
    if (state && state[0] == '/')
        return nvb_strdupf("%s/nvbind/last.json", state);
    return user->home ? nvb_strdupf("%s/.local/state/nvbind/last.json", user->home) : NULL;
}

int nvb_last_read(const struct nvb_user *user, char *const *environment, struct nvb_doc *ret,
                  struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_last_path(user, environment);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (!path)
        return 1;
    int r = nvb_file_read_path(path, NVB_DOC_MAX_BYTES, &text, err);
    if (r != 0)
        return r;
    if (nvb_trust_check_path(path, user->uid, err) < 0)
        return -1;
    return nvb_json_read(text.data, text.len, path, ret, err);
}
