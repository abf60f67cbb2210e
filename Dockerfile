# One image for every process of the service; the command says which one.
FROM python:3.11-slim

# PIP_FIND_LINKS may name a folder or page with the torch build to use (say, a CPU one).
ARG PIP_FIND_LINKS=""
ENV PYTHONUNBUFFERED=1 PATH=/srv/widthwise/.venv/bin:$PATH

# Triton compiles its launchers with a C compiler: without one, cohorts on a GPU train uncompiled.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /srv/widthwise
COPY scripts/install.sh scripts/
COPY pyproject.toml requirements.lock README.md ./
COPY widthwise widthwise
COPY parametrization parametrization
RUN scripts/install.sh && rm -rf /root/.cache

COPY app app
COPY tuner tuner
COPY workers workers
COPY service service
COPY migrations migrations

RUN useradd --create-home widthwise && mkdir /data && chown widthwise /data
USER widthwise
ENV WIDTHWISE_DATA_DIR=/data
VOLUME /data
CMD ["python", "-m", "service.up", "--host", "0.0.0.0"]
