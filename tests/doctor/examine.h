#ifndef NVB_TESTS_DOCTOR_EXAMINE_H
#define NVB_TESTS_DOCTOR_EXAMINE_H

/* One check on one laid host: rows of data for test_doctor.c, at least one in which each check
 * holds and one in which it does not. */

#include "doctor/doctor.h"

/* Lines of lay.h for a machine on which everything holds, without its GPU. The user is ada, 4711.
 */
extern const char nvb_examine_base[];

struct examine_row {
    const char *check;
    const char *about; /* what the host is like, for the test's name */
    const char *lines; /* of lay.h, over the base; or NULL */
    enum nvb_verdict verdict;
    const char *evidence;    /* a piece of it */
    const char *fix;         /* a piece of one step as a line of shell, or NULL */
    const char *options;     /* "NAME VALUE" lines: what the last run asked for; or NULL */
    const char *environment; /* "NAME=VALUE" lines besides PATH and HOME; "@tree@" is replaced */
    const char *podman;      /* what "podman info" prints; NULL: Podman is not installed; "-": it
                                fails */
    const char *docker;      /* the same for "docker info" */
    bool is_root;            /* asked by root */
    bool in_group;           /* the caller is in the group that the laid files have */
    bool makes_devices;      /* real device nodes are laid: for root alone */
    bool no_gpu;             /* nothing of a GPU is laid */
};

extern const struct examine_row nvb_examine_engines[];  /* engines, Docker, registries */
extern const struct examine_row nvb_examine_driver[];   /* driver, nodes, services of the driver */
extern const struct examine_row nvb_examine_machine[];  /* rootless, machine, security */
extern const struct examine_row nvb_examine_sessions[]; /* display, storage, network, CDI */

/*
 * Lays ROW's host, runs its check and compares. Returns NULL, or what was wrong, owned by the
 * caller.
 */
char *nvb_examine(const struct examine_row *row);

/* The same host, for tests of their own: NAMES as for nvb_doctor_run(). */
int nvb_examine_report(const struct examine_row *row, const struct nvb_strv *names,
                       struct nvb_report *ret, struct nvb_error **err);

#define INFO_PODMAN(version, runtime, driver)                                               \
    "{\"host\": {\"ociRuntime\": {\"name\": \"" runtime "\", \"path\": \"/usr/bin/" runtime \
    "\"}}, \"store\": {\"graphDriverName\": \"" driver                                      \
    "\"}, \"version\": {\"Version\": \"" version "\"}}"
#define INFO_DOCKER(version, more) "{\"ServerVersion\": \"" version "\"" more "}"

#endif
