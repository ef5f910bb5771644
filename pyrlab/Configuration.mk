# What PyRLab builds and runs. A value given to make ("make PYLAB=torch pylab") or in the environment
# takes the place of one that stands here with "?="; what is given so is taken as it is ($ too).

# Container runtime (select from: docker podman)
CONTAINER_RUNTIME ?= docker

# Where packages come from (select from: pypi debian). debian is what builds where PyPI cannot be
# reached; it has no tf and no jax.
PACKAGES ?= pypi

# The image that everything is built on, and the name of images and containers:
# 3.12-bullseye names the container pylab_3.12-bullseye_8888. With PACKAGES = debian the Python is
# that of BASE_IMAGE, whatever stands here.
PYTHONBASE ?= 3.12-bullseye
ifeq ($(value PACKAGES),debian)
BASE_IMAGE ?= debian:trixie
else
BASE_IMAGE ?= python:$(PYTHONBASE)
endif

# Which lab "make pylab" starts where none was tagged (select from: mini common torch tf jax)
PYLAB ?= mini

# Words for the engine, GPUs first of all. Left empty, nvbind gives the lab every GPU there is.
#   DOCKER_ARGS := --device nvidia.com/gpu=all
#   DOCKER_ARGS := --device /dev/nvidia0 --device /dev/nvidiactl --device /dev/nvidia-uvm
#   DOCKER_ARGS := --runtime=nvidia --gpus all
DOCKER_ARGS ?=

# Folders of this machine that the lab sees as /volumes/notebooks and /notebook. These two are made
# where they are missing; one of your own must be there.
NOTEBOOKS ?= $(HERE)/notebooks
DOCKER ?= $(HERE)/notebook

# The address and the ports of this machine: JupyterLab, TensorBoard, D-Tale, and R's JupyterLab.
# 0.0.0.0 would let other machines in.
BIND ?= 127.0.0.1
PYPORT ?= 8888
TFPORT ?= 6006
DTPORT ?= 40000
RPORT ?= 9999

# TOKEN := ...  what JupyterLab asks for; one is made where this is not set. Set to nothing, nobody is
# asked for anything.

# The notebook user in the images. Under sudo: who called it.
UID ?= $(or $(value SUDO_UID),$(shell id -u))
GID ?= $(or $(value SUDO_GID),$(shell id -g))

# Rootless Podman, whose files notebooks are (select from: root keep-id). Either way they belong to
# you. root: the lab's root is you, and it starts at once. keep-id: the lab's user has your number;
# the first start of each image copies it.
USERNS ?= root

# CUDA's compiler and libraries in the base image (select from: no yes). The driver's own libraries
# come from this machine and are never in an image.
CUDA_INSTALL ?= no

# Further words for the engine's build command, such as --network=host
BUILD_ARGS ?=
BUILD_LOG ?= $(HERE)/build.log

# Proxies are used while building and are in no image.
http_proxy ?=
https_proxy ?=
no_proxy ?=

# Another index than PyPI. It stands in the images' history, so without a password.
PIP_INDEX_URL ?=

# TensorBoard beside the lab: pod_start and compose_up
TB_IMAGE ?= tensorflow/tensorflow
TB_COMMAND ?= tensorboard --logdir=/logs --host=0.0.0.0

# Where nvbind is, should it be neither on PATH nor built beside this folder
NVBIND ?=
