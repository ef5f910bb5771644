# engines: slurm
#
# What "generate slurm" writes, run by a real Slurm: its controller and the daemons of two nodes with
# two GPUs each, which all are this machine.

load ../lib/engine
bats_require_minimum_version 1.5.0

readonly image=localhost/nvbind-test/busybox

setup_file() {
    engine_setup_file
    need_part busybox
    use_runtime crun
    import_image rootless busybox
    HOST=$(shared_folder)/host WORK=$(shared_folder)
    export HOST WORK
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 2 >/dev/null
    chmod -R a+rX "$HOST"
    start_slurm >"$WORK/start" 2>&1 || { cat "$WORK"/start "$WORK"/*.log >&2; return 1; }
}

start_slurm() {
    # This namespace has no network: nobody to ask for this machine's name, and Slurm wants an address
    # that is not the loop's own.
    ip addr add 192.0.2.1/32 dev lo
    printf '127.0.0.1 localhost %s\n' "$(hostname)" >/etc/hosts
    mkdir -p /run/munge /etc/slurm /var/spool/slurm/{ctl,n1,n2}
    dd if=/dev/urandom of=/etc/munge/munge.key bs=1 count=1024 status=none
    chown -R munge: /etc/munge /run/munge
    chmod 0600 /etc/munge/munge.key
    setpriv --reuid munge --regid munge --clear-groups munged --force
    cat /run/munge/munged.pid >"$WORK/pids"
    cat >/etc/slurm/slurm.conf <<CONF
ClusterName=tests
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurm/ctl
SlurmdSpoolDir=/var/spool/slurm/%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
GresTypes=gpu
NodeName=n[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=4 RealMemory=4000 Gres=gpu:2
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
CONF
    # Slurm counts device nodes; what stands for them in the simulated host are files.
    mknod -m 0666 "$WORK/nvidia0" c 511 0
    mknod -m 0666 "$WORK/nvidia1" c 511 1
    echo "NodeName=n[1-2] Name=gpu File=$WORK/nvidia[0-1]" >/etc/slurm/gres.conf
    slurmctld -D >"$WORK/ctl.log" 2>&1 3>&- &
    echo $! >>"$WORK/pids"
    slurmd -D -N n1 >"$WORK/n1.log" 2>&1 3>&- &
    echo $! >>"$WORK/pids"
    slurmd -D -N n2 >"$WORK/n2.log" 2>&1 3>&- &
    echo $! >>"$WORK/pids"
    for _ in {1..50}; do
        [ "$(timeout 5 sinfo -h -o '%T %D' 2>/dev/null)" = 'idle 2' ] && return
        sleep 0.2
    done
    timeout 5 sinfo
    return 1
}

teardown_file() {
    local pid
    while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$WORK/pids"
}

setup() {
    cd "$WORK" || return
    use_runtime crun
}

generate() {
    as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" generate slurm "$@"
}

# submit SCRIPT WORDS...: waits for the job; its output is in SCRIPT.out.
submit() {
    as_user timeout 60 sbatch --wait --chdir="$WORK" --output="$1.out" "${@:2}" "$1" >submitted 2>&1 || {
        cat submitted "$1.out"
        return 1
    }
}

@test "a job sees the GPUs that it got, and no other" {
    generate --job-name one --time 1:00 --output one.sh --gpu count=1 --network=none -e 'A=b $c' \
        "$image" sh -c 'ls /dev | grep "^nvidia[0-9]"; echo "$A|$1|$SLURM_JOB_GPUS"; sleep 1' x $'y\n$(z)'
    grep -qx '#SBATCH --gres=gpu:1' one.sh
    as_user cp one.sh two.sh
    # Two at once on one node: each its own.
    submit one.sh --nodelist=n1 & first=$!
    submit two.sh --nodelist=n1
    wait "$first"
    cat one.sh.out two.sh.out
    grep -qxF 'b $c|y' one.sh.out
    grep -qxF '$(z)|' one.sh.out
    [ "$(cat one.sh.out two.sh.out | grep ^nvidia | sort | tr '\n' ' ')" = 'nvidia0 nvidia1 ' ]
    generate --output both.sh --gpu count=2 --network=none "$image" sh -c 'ls /dev'
    submit both.sh
    [ "$(grep '^nvidia[0-9]' both.sh.out | tr '\n' ' ')" = 'nvidia0 nvidia1 ' ]
}

@test "a job without GPUs gets none, and its exit status is the container's" {
    generate --output none.sh --gpu none --cpus 1.5 --network=none "$image" \
        sh -c 'ls /dev | grep -c nvidia; exit 7'
    ! grep -q gres none.sh || false
    grep -qx '#SBATCH --cpus-per-task=2' none.sh
    sed -i '/--cpus=1.5/d' none.sh # rootless, this machine's control groups give no limits
    run submit none.sh
    [ "$status" -ne 0 ]
    head -n1 none.sh.out
    [ "$(head -n1 none.sh.out)" = 0 ]
    [[ $(cat submitted none.sh.out) = *'7'* ]]
}

@test "what a job cannot have, and what is Slurm's to say" {
    run generate --gpu 0 -d "$image"
    [ "$status" -eq 2 ]
    [[ $output = *"a job cannot have '-d'"* ]]
    for words in '--gpu GPU-b4' '--gpu 0:1' '--device nvidia.com/gpu=0' '-e NVIDIA_VISIBLE_DEVICES=0'; do
        # shellcheck disable=SC2086 # words
        run generate $words "$image"
        [ "$status" -eq 2 ]
        [[ $output = *"Slurm's to say"*'--gpu count=N'* ]]
    done
    run generate --job-name $'a\n#SBATCH --x' --gpu none "$image"
    [ "$status" -eq 2 ]
    run generate --gpu all "$image"
    [[ $output = *'#SBATCH --gres=gpu:2'* ]]
}
