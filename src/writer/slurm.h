#ifndef NVB_WRITER_SLURM_H
#define NVB_WRITER_SLURM_H

/* A batch script for Slurm's sbatch(1) whose command is "nvbind run", so that GPUs and driver are
 * looked for on the node where the job runs, within what the job got. */

#include "plan/parse.h"
#include "plan/plan.h"

struct nvb_slurm_options {
    const char *nvbind;    /* absolute path of the program */
    const char *config;    /* --config FILE, absolute, or NULL */
    const char *host_root; /* --host-root DIR, absolute, or NULL */
    const char *job_name;
    const char *partition; /* these are NULL where Slurm decides */
    const char *account;
    const char *time;
    const char *gpu_type; /* of --gres=gpu:TYPE:N */
    uint64_t gpus;        /* 0: none */
};

/*
 * Appends the script. REQUEST and PLAN are what nvb_parse_run() made of run's words; nothing of
 * this machine is in it. --cpus and --memory are asked of Slurm as well. Returns 0, or -1 with an
 * error that names the option which goes against a job.
 */
int nvb_writer_slurm(const struct nvb_request *request, const struct nvb_plan *plan,
                     const struct nvb_slurm_options *options, struct nvb_str *ret,
                     struct nvb_error **err);

#endif
