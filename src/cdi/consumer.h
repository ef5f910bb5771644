#ifndef NVB_CDI_CONSUMER_H
#define NVB_CDI_CONSUMER_H

/*
 * Who reads specifications: which versions of CDI each release takes, and from which folders. The
 * figures were read in the engines' own sources at their tags (the vendored CDI package, and their
 * configuration's defaults).
 */

#include "base/notes.h"
#include "base/path.h"
#include "cdi/spec.h"
#include "host/engine.h"
#include "host/user.h"

enum nvb_cdi_consumer_kind {
    NVB_CDI_PODMAN,
    NVB_CDI_DOCKER,
    NVB_CDI_CONTAINERD,
    NVB_CDI_CRIO,
};

struct nvb_cdi_consumer {
    enum nvb_cdi_consumer_kind kind;
    char *text;          /* "podman 4.3.1"; owned */
    unsigned version[3]; /* numbers that were not said are 0: the first of that series */
    const char *cap;     /* the highest version of CDI that it takes; NULL: it takes none */
};

struct nvb_cdi_consumers NVB_VEC(struct nvb_cdi_consumer);

#define _cleanup_cdi_consumers_ _cleanup_(nvb_cdi_consumers_done)

void nvb_cdi_consumers_done(struct nvb_cdi_consumers *consumers);

/*
 * Reads "podman@4.9,docker@27,containerd@1.7,crio@1.30" and appends to *ret. A name without a
 * version is the one that is installed here (Podman and Docker only). A usage error says what would
 * be right.
 */
int nvb_cdi_consumers_parse(const char *list, char *const *environment, const struct nvb_user *user,
                            struct nvb_cdi_consumers *ret, struct nvb_error **err);

/* Appends the engines that are installed here; one whose version cannot be told is left out. */
void nvb_cdi_consumers_find(char *const *environment, const struct nvb_user *user,
                            struct nvb_cdi_consumers *ret);

/* Appends ENGINE. */
void nvb_cdi_consumers_add(struct nvb_cdi_consumers *consumers, const struct nvb_engine *engine);

/*
 * What CONSUMER would say of a specification that declares VERSION, owned, or NULL where it takes
 * it: "podman 4.3.1 takes CDI up to 0.5.0".
 */
char *nvb_cdi_consumer_refusal(const struct nvb_cdi_consumer *consumer, const char *version);

/*
 * Cuts SPEC so that each of CONSUMERS takes it: leaves out what is harmless (cdi/need.h) and
 * declares a version that none of them refuses. What is not harmless is an error that names the
 * field and the engine, and so is an engine that knows no CDI.
 */
int nvb_cdi_fit(struct nvb_cdi_spec *spec, const struct nvb_cdi_consumers *consumers,
                struct nvb_notes *notes, struct nvb_error **err);

/* Where the folders are looked up. */
struct nvb_cdi_setting {
    const struct nvb_root *root; /* whose /etc and /var; borrowed */
    char *const *environment;
    const struct nvb_user *user;
};

/*
 * Appends the folders that CONSUMER reads by itself, the lowest precedence first, whether they are
 * there or not: its configuration's where that names some (Docker's daemon.json, containers.conf
 * from Podman 5.6 on), else its own default. CONSUMER NULL: CDI's own, /etc/cdi and /var/run/cdi.
 * A configuration that cannot be read is told in NOTES, and the default is taken.
 */
void nvb_cdi_consumer_folders(const struct nvb_cdi_consumer *consumer,
                              const struct nvb_cdi_setting *setting, struct nvb_strv *ret,
                              struct nvb_notes *notes);

/* Whether Podman takes a folder of its caller's own (--cdi-spec-dir). */
bool nvb_cdi_consumer_takes_folder(const struct nvb_cdi_consumer *consumer);

#endif
