# The base comes through an argument so that another can be tested; by digest, so that nobody can change it unseen.
ARG PYTHON_IMAGE=python:3.13-slim-trixie@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a

FROM ${PYTHON_IMAGE} AS build
# Debian's git of the day, so that its security fixes come in; only the binary is shipped
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/
RUN python3 -m venv --copies --without-pip /opt/ztpurge/venv \
 && python3 -m pip --python /opt/ztpurge/venv/bin/python3 install --no-cache-dir --no-compile \
      --disable-pip-version-check --only-binary :all: --require-hashes -r /tmp/requirements.txt
COPY LICENSE entrypoint.py /opt/ztpurge/
COPY ztpurge /opt/ztpurge/ztpurge
COPY image/gather.sh /tmp/
RUN sh /tmp/gather.sh /image

FROM scratch
LABEL org.opencontainers.image.licenses=MIT
COPY --from=build /image /
ENV LANG=C.UTF-8
# no USER, no WORKDIR: the runner mounts the workspace and sets it; -I keeps its modules and PYTHONPATH out
ENTRYPOINT ["/opt/ztpurge/venv/bin/python3", "-I", "/opt/ztpurge/entrypoint.py"]
