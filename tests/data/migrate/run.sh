#!/bin/bash
# docker run is mentioned here
set -e
DOCKER=docker
if ! docker ps >/dev/null 2>&1; then sudo systemctl start docker; fi
docker pull nvidia/cuda:latest
docker run --rm -it --gpus all nvidia/cuda:latest nvidia-smi
docker run -d --name web -p 8080:80 \
  --gpus '"device=0,1"' \
  --restart always \
  web:latest --gpus 3
sudo docker run --runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=1 img
docker run --gpus=2 img
docker run --gpus "$N" img
$DOCKER run --gpus all img && docker stop $(docker ps -q)
x="$(docker inspect --format '{{.Id}}' web)"
docker buildx build --load -t x .
docker buildx prune -af
docker swarm init
docker -H tcp://build.example:2375 ps
docker run --link db:db web
docker run -v /var/run/docker.sock:/var/run/docker.sock portainer
echo "docker run"
docker-compose up -d; docker compose down
docker ps -aq | xargs -r docker rm -f
nvidia-docker run --rm img nvidia-smi
