# Two images from one tree: `service` (API, coordinator, migrations, Ray's head; the CPU build of
# torch) and `worker` (what trains on GPUs; the CUDA build, and a C compiler). The command says which
# process of the service runs.
FROM python:3.11.13-slim-bookworm AS base

# PIP_FIND_LINKS may name a folder or page with the torch build to use.
ARG PIP_FIND_LINKS=""
ENV PYTHONUNBUFFERED=1 PATH=/srv/widthwise/.venv/bin:$PATH WIDTHWISE_DATA_DIR=/data

# The volumes mounted at /data take their owner from the image's folder when they are first made.
RUN useradd --create-home --uid 10001 widthwise && install --directory --owner=widthwise /data
WORKDIR /srv/widthwise
COPY scripts/install.sh scripts/
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY widthwise widthwise
COPY parametrization parametrization

FROM base AS service
ENV UV_TORCH_BACKEND=cpu
RUN scripts/install.sh && rm -rf /root/.cache
COPY app app
COPY tuner tuner
COPY workers workers
COPY service service
COPY migrations migrations
USER widthwise
CMD ["python", "-m", "service.up", "--host", "0.0.0.0"]

# PyPI's own build of torch for Linux is the one for CUDA. Triton compiles its launchers with a C
# compiler: without one, cohorts on a GPU train uncompiled.
FROM base AS worker
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN scripts/install.sh && rm -rf /root/.cache
COPY app app
COPY tuner tuner
COPY workers workers
COPY service service
COPY migrations migrations
USER widthwise
CMD ["python", "-m", "service.up", "--host", "0.0.0.0"]
