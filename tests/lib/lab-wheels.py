"""Wheels of the Python packages that Debian laid on this machine, for an index of one's own.

    python3 lab-wheels.py OUT       OUT/simple/NAME/NAME-VERSION-TAG.whl for each one

Run inside an image of PyRLab's. A wheel holds the package's modules as Debian built them, its data for
Jupyter and its own metadata, so that an installer resolves and lays it as one from PyPI. What its
compiled modules link to stays where it is: such a wheel fits a system with the same libraries alone.
"""
import base64
import glob
import hashlib
import importlib.metadata
import os
import re
import sys
import zipfile

MODULES = "/usr/lib/python3/dist-packages"
DATA = {"/usr/share/jupyter/": "share/jupyter/", "/etc/jupyter/": "etc/jupyter/",
        "/usr/etc/jupyter/": "etc/jupyter/"}


def read_owners():
    owners = {}
    for path in glob.glob("/var/lib/dpkg/info/*.list"):
        package = os.path.basename(path)[:-len(".list")]
        with open(path) as file:
            for line in file:
                owners[line.rstrip("\n")] = package
    return owners


def read_needs():
    """What each package depends on, by Debian's own word: the metadata of a wheel may know less."""
    needs = {}
    with open("/var/lib/dpkg/status", encoding="utf-8") as file:
        for entry in file.read().split("\n\n"):
            fields = dict(re.findall(r"^(Package|Depends): (.*)$", entry, re.M))
            needs[fields.get("Package")] = re.findall(r"python3-[^ ,|(:]+", fields.get("Depends", ""))
    return needs


def list_files(owners):
    """Each package's files; those that no package owns are JupyterLab's, which is unpacked alone."""
    files = {}
    for root in [MODULES] + [folder.rstrip("/") for folder in DATA]:
        for folder, names, leaves in os.walk(root):
            if os.path.basename(folder) == "__pycache__":
                continue
            for leaf in leaves:
                path = os.path.join(folder, leaf)
                if not leaf.endswith(".pyc") and os.path.isfile(path):
                    files.setdefault(owners.get(path, "jupyterlab"), []).append(path)
    return files


def place(path, data):
    for folder, target in DATA.items():
        if path.startswith(folder):
            return data + "/data/" + target + path[len(folder):]
    return path[len(MODULES) + 1:]


def normalize(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def metadata_of(dist, known, more):
    """Its own, without requirements that Debian does without, as JupyterLab's on jupyter-lsp."""
    text = dist.read_text("METADATA") or dist.read_text("PKG-INFO")
    head, _, body = text.partition("\n\n")
    lines = [line for line in head.split("\n") if not line.startswith("Requires-Dist:")]
    for word in (dist.requires or []) + more:
        if normalize(re.match(r"[\w.-]+", word)[0]) in known:
            lines.append("Requires-Dist: " + word)
    return "\n".join(lines) + "\n\n" + body


def write_wheel(out, dist, paths, known, more):
    name = re.sub(r"[-_.]+", "_", dist.metadata["Name"])
    stem = f"{name}-{dist.version}"
    info, data = stem + ".dist-info", stem + ".data"
    compiled = any(path.endswith(".so") for path in paths)
    tag = f"cp3{sys.version_info.minor}-cp3{sys.version_info.minor}-linux_x86_64" if compiled \
        else "py3-none-any"
    folder = os.path.join(out, "simple", normalize(name))
    os.makedirs(folder, exist_ok=True)
    content = {}
    for path in paths:
        if not re.search(r"/[^/]*\.(dist|egg)-info(/|$)", path):
            with open(path, "rb") as file:
                content[place(path, data)] = file.read()
        if path.endswith("/kernel.json"):
            # As the kernel's own wheel has it: whichever Python the environment has.
            content[place(path, data)] = content[place(path, data)].replace(b"/usr/bin/python3", b"python")
    content[info + "/METADATA"] = metadata_of(dist, known, more).encode()
    content[info + "/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: lab-wheels\n"
                                f"Root-Is-Purelib: {str(not compiled).lower()}\nTag: {tag}\n").encode()
    entries = dist.read_text("entry_points.txt")
    if entries:
        content[info + "/entry_points.txt"] = entries.encode()
    record = "".join(f"{path},sha256={digest(bytes_)},{len(bytes_)}\n"
                     for path, bytes_ in content.items()) + info + "/RECORD,,\n"
    with zipfile.ZipFile(os.path.join(folder, f"{stem}-{tag}.whl"), "w") as wheel:
        for path, bytes_ in content.items():
            wheel.writestr(path, bytes_)
        wheel.writestr(info + "/RECORD", record)


def digest(bytes_):
    return base64.urlsafe_b64encode(hashlib.sha256(bytes_).digest()).rstrip(b"=").decode()


def owner_of(dist, owners):
    path = str(dist._path)
    return next((owners[p] for p in (path, path + "/METADATA", path + "/PKG-INFO") if p in owners),
                "jupyterlab")


def main():
    owners, needs = read_owners(), read_needs()
    files = list_files(owners)
    # Not the hundreds of stubs for type checkers.
    dists = [(dist, owner_of(dist, owners))
             for dist in importlib.metadata.distributions(path=[MODULES])]
    dists = [pair for pair in dists if pair[1] != "python3-typeshed"]
    names = {}
    for dist, owner in dists:
        names.setdefault(owner.split(":")[0], []).append(dist.metadata["Name"])
    known = {normalize(dist.metadata["Name"]) for dist, _ in dists}
    for dist, owner in dists:
        more = [name for package in needs.get(owner.split(":")[0], []) for name in names.get(package, [])]
        write_wheel(sys.argv[1], dist, files.get(owner, []), known, more)
    print(len(dists), "wheels")


main()
