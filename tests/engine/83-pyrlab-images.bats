# PyRLab's other images on rootless Podman: torch and R from the distribution's packages, mini from an
# index of Python packages, and what must not be in any of them.

load ../lib/engine
load ../lib/lab
bats_require_minimum_version 1.5.0

NAME=pylab_3.12-bullseye_8888
INDEX=(PACKAGES=pypi PYTHONBASE=index BASE_IMAGE=localhost/pyrlab-bare:trixie)

setup_file() {
    lab_setup_file
    need_part pyrlab-more
}

teardown() {
    [ -z "${SERVER:-}" ] || pkill -P "$SERVER" || true
    [ -z "${WATCH:-}" ] || touch "$WATCH"
    [ -z "${LAB:-}" ] || podman_rootless rm -fa -t 0 >/dev/null 2>&1 || true
}

in_image() { podman_rootless run --rm --network=none --user 0:0 "$@"; }

@test "make build, whole: every image from Debian's packages, tf and jax skipped in one line each" {
    local name size
    lab_make build
    [ "$status" -eq 0 ]
    [ "$(grep -c 'tf: skipped, PACKAGES=debian does not have it' <<<"$stderr")" = 1 ]
    [ "$(grep -c 'jax: skipped, PACKAGES=debian does not have it' <<<"$stderr")" = 1 ]
    # In MB; each with what it stands on.
    while read -r name size; do
        run podman_rootless image inspect --format '{{.Size}}' "localhost/$name:3.12-bullseye"
        echo "# $name: $((output / 1000000)) MB" >&3
        [ "$((output / 1000000))" -le "$size" ]
    done <<<'pylab-base 200
pylab-mini 700
pylab-common 900
pylab-torch 1450
rbase 400
rlab 600'
}

@test "CUDA_INSTALL=yes: the archive has what the list names, and no driver comes with it" {
    run grep '^pyrlab: cuda: ' "$(part_path pyrlab-more)"
    [ "$status" -eq 0 ]
    [[ $output = *libcublas12*libnvrtc12* || $output = *libnvrtc12*libcublas12* ]]
    [[ $output != *libcuda1* && $output != *nvidia-driver* ]]
}

@test "nothing of how they were made is left in the images" {
    local image
    for image in pylab-torch rlab; do
        # shellcheck disable=SC2016 # the container's
        run in_image "localhost/$image:3.12-bullseye" sh -c '
            find /var/lib/apt/lists /var/cache/apt /var/log/apt /tmp /root -type f ! -name lock \
                ! -name ".*" 2>/dev/null
            find / -xdev \( -name "*.deb" -o -name "*.pyo" -o -path "*/dist-packages/*/test_*.py" \
                -path "*/tests/*" \) -print
            find /usr/share/doc -type f ! -name copyright -newer /etc/dpkg/dpkg.cfg.d/pyrlab
            find /usr/lib -name "libLLVM*" -o -name "libamdhip*" -o -name "*.a" -size +1M
            dpkg --audit
            [ -n "$(find /usr/lib/python3/dist-packages/tornado -name "*.pyc")" ] ||
                echo "modules are not compiled"'
        echo "$output"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done
}

@test "torch: a tensor, and no GPU without a crash, with the driver's files and without" {
    local code='import ctypes, torch
print("cuInit", ctypes.CDLL("libcuda.so.1").cuInit(0))
a = torch.arange(6.0).reshape(2, 3)
print("product", (a @ a.T).sum().item(), "cuda", torch.cuda.is_available(), torch.cuda.device_count())'
    local book='cd /tmp && jupyter-nbconvert --to notebook --execute --output-dir /tmp \
        /notebook/welcome.ipynb && cat /tmp/welcome.ipynb'
    lab_make pylab PYLAB=torch
    [ "$status" -eq 0 ]
    run podman_rootless exec "$NAME" python3 -c "$code"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "cuInit 100" ]
    [ "${lines[1]}" = "product 83.0 cuda False 0" ]
    run podman_rootless exec "$NAME" sh -c "$book"
    [ "$status" -eq 0 ]
    [[ $output = *"/dev/nvidia0"*"cuInit says 100"*"nvidia-smi ended with $(smi_status "$TREE"): "* ]]
    [[ $output = *"torch on cpu"*"image/png"* ]]
    lab_make pylab_stop
    LAB_PATH=$PATH
    lab_make pylab PYLAB=torch
    run podman_rootless exec "$NAME" sh -c "$book"
    [ "$status" -eq 0 ]
    [[ $output = *"started without a GPU"*"no nvidia-smi here"*"torch on cpu"*"image/png"* ]]
}

@test "R: its notebook runs from top to bottom" {
    lab_make rlab
    [ "$status" -eq 0 ]
    [[ $output = "http://127.0.0.1:9999/lab?token="* ]]
    run podman_rootless exec "rlab_3.12-bullseye_9999" sh -c 'cd /tmp &&
        jupyter-nbconvert --to notebook --execute --output-dir /tmp /notebook/welcome-R.ipynb &&
        cat /tmp/welcome-R.ipynb'
    echo "$output" | cut -c1-200
    [ "$status" -eq 0 ]
    [[ $output = *"/dev/nvidia0"*"nvidia-smi ended with"*"R version 4"*openblas*ggplot2*"image/png"* ]]
}

@test "PACKAGES=pypi: JupyterLab from an index of wheels, by pip where there is no uv" {
    grep -q '^pyrlab: mini: built .* MB$' "$(part_path pyrlab-more)"
    lab_make pylab "${INDEX[@]}"
    [ "$status" -eq 0 ]
    [[ $(api /contents -H "Authorization: token $TOKEN" | tail -1) = 200 ]]
    run podman_rootless exec pylab_index_8888 sh -c 'command -v jupyter-lab; command -v python3
        python3 -c "import jupyterlab, zmq, numpy; print(jupyterlab.__file__, zmq.__file__)"
        stat -c %u:%g /opt/lab/lib/python3*/site-packages/jupyterlab; pip check
        jupyter-nbconvert --to notebook --execute --output-dir /tmp /notebook/welcome.ipynb'
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} = /opt/lab/bin/jupyter-lab ]]
    [[ ${lines[1]} = /opt/lab/bin/python3 ]]
    [[ ${lines[2]} = /opt/lab/lib/python3*/jupyterlab/__init__.py\ /opt/lab/* ]]
    # An image of the other source is refused as what to build on.
    lab_make build_pylab-common "${INDEX[@]}" PACKAGES=debian
    [ "$status" -ne 0 ]
    [[ $stderr = *"was built with PACKAGES=pypi, not debian"* ]]
}

# wheel NAME MODULE-TEXT [ENTRY]: a small wheel in the index.
wheel() {
    as_user python3 - "$LAB/../index" "$@" <<'PY'
import os, sys, zipfile
root, name, text = sys.argv[1:4]
folder = os.path.join(root, "simple", name)
os.makedirs(folder, exist_ok=True)
files = {name.replace("-", "_") + ".py": text}
info = name.replace("-", "_") + "-1.0.dist-info/"
files[info + "METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
files[info + "WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
if len(sys.argv) > 4:
    files[info + "entry_points.txt"] = f"[console_scripts]\n{sys.argv[4]}\n"
files[info + "RECORD"] = "".join(path + ",,\n" for path in [*files, info + "RECORD"])
with zipfile.ZipFile(f"{folder}/{name.replace('-', '_')}-1.0-py3-none-any.whl", "w") as wheel:
    for path, content in files.items():
        wheel.writestr(path, content)
PY
}

@test "a proxy with a password and a token: used, and in no layer, no history and on no command line" {
    local secret=s3cret-of-the-proxy token=s3cret-of-the-lab image=localhost/pylab-common:index
    local seen=$BATS_TEST_TMPDIR/seen log=$NVBIND_T_DIR/tmp/lab/requests
    # A stand-in for uv, which no package of the distribution holds: it shows its words, and pip works.
    wheel uv 'import os, sys
def main():
    print("uv gets:", *sys.argv[1:], flush=True)
    lab = os.environ["VIRTUAL_ENV"]
    os.environ["PIP_INDEX_URL"] = os.environ["UV_DEFAULT_INDEX"]
    os.execv(lab + "/bin/python", ["python", "-m", "pip", "install", *sys.argv[4:]])' 'uv = uv:main'
    wheel pyrlab-tiny 'print("tiny")'
    sed -i "s|^http_proxy ?=.*|http_proxy := http://lab:$secret@127.0.0.1:18125|
        s|^TOKEN ?=.*||; \$a TOKEN := $token" "$LAB/Configuration.mk"
    echo "lab:$secret" >"$LAB/../secret"
    echo 'pip pyrlab-tiny>=1,<2' >"$LAB/packages/common.pypi"
    as_user python3 "$NVBIND_T_SRC/tests/lib/index-proxy.py" 18125 "$LAB/../index" "$LAB/../secret" "$log" 3>&- &
    SERVER=$!
    WATCH=$BATS_TEST_TMPDIR/enough
    (until [ -e "$WATCH" ]; do
        for file in $(grep -laF -e "$secret" -e "$token" /proc/[0-9]*/cmdline 2>/dev/null); do
            tr '\0' ' ' <"$file" | grep -v '^grep '
        done
        sleep 0.02
    done >"$seen" 2>/dev/null 3>&-) &
    lab_make build_pylab-common "${INDEX[@]}" PIP_INDEX_URL=http://127.0.0.1:9/simple
    [ "$status" -eq 0 ]
    [[ $output = *"uv gets: pip install --no-cache -r /tmp/"* ]]
    lab_make pylab "${INDEX[@]}" PYLAB=common
    [ "$status" -eq 0 ]
    [ "$TOKEN" = "$token" ]
    touch "$WATCH"
    cat "$seen"
    [ ! -s "$seen" ]
    run in_image "$image" python3 -c 'import pyrlab_tiny'
    [ "$output" = tiny ]
    cat "$log"
    [[ $(cat "$log") = *"200 http://127.0.0.1:9/simple/pyrlab-tiny/"* ]]
    [[ $(cat "$log") != *407*"200 "*407* ]]
    # Configuration, history and every layer.
    as_user podman save "$image" >"$NVBIND_T_DIR/tmp/lab/image.tar"
    run grep -caF -e "$secret" -e "$token" -e "$(printf 'lab:%s' "$secret" | base64)" \
        "$NVBIND_T_DIR/tmp/lab/image.tar" "$LAB/build.log"
    rm "$NVBIND_T_DIR/tmp/lab/image.tar"
    echo "$output"
    [ "$status" -eq 1 ]
    podman_rootless rm -fa -t 0
    podman_rootless rmi "$image"
}

@test "an index with a password in its address is refused, before anything is built" {
    lab_make build_pylab-mini "${INDEX[@]}" PIP_INDEX_URL=https://me:secret@pypi.example/simple
    [ "$status" -ne 0 ]
    [[ $stderr = "pyrlab: error: PIP_INDEX_URL holds a name or a password"* ]]
    [[ $stderr != *secret@* ]]
}

@test "a base that cannot be pulled, and cannot be made: one line" {
    local base
    for base in debian:13.1 ubuntu:1.04 python:3.12-bullseye fedora:42; do
        lab_make build_base BASE_IMAGE="docker.io/library/$base" PYTHONBASE=none
        [ "$status" -ne 0 ]
        [[ $stderr = *"pyrlab: error: docker.io/library/$base cannot be pulled, and "*hint:* ]]
    done
    [ -f /usr/share/keyrings/ubuntu-archive-keyring.gpg ] && return
    lab_make build_base BASE_IMAGE=docker.io/library/ubuntu:24.04 PYTHONBASE=none
    [ "$status" -ne 0 ]
    [[ $stderr = *ubuntu-archive-keyring.gpg*"apt-get install -y ubuntu-keyring"* ]]
}
