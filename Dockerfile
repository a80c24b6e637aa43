# The base comes through an argument so that another can be tested; by digest, so that nobody can change it unseen.
ARG PYTHON_IMAGE=python:3.13-slim-trixie@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a

FROM ${PYTHON_IMAGE} AS build
COPY requirements.txt /tmp/
RUN python3 -m venv --without-pip /opt/ztpurge/venv \
 && python3 -m pip --python /opt/ztpurge/venv/bin/python3 install --no-cache-dir --no-compile \
      --disable-pip-version-check --only-binary :all: --require-hashes -r /tmp/requirements.txt \
 && rm /tmp/requirements.txt
COPY entrypoint.py /opt/ztpurge/
COPY ztpurge /opt/ztpurge/ztpurge
# The official images ship the standard library without bytecode: each start would compile it anew.
# What only installs or tests is left out; nothing is installed in what is shipped.
RUN stdlib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') \
 && find / -xdev \( -path "$stdlib/test" -o -name ensurepip -o -name idlelib -o -name pip -o -name 'pip-*' \
      -o -path '/usr/*/bin/pip*' -o -path '/usr/bin/pip*' \) -prune -exec rm -rf {} + \
 && rm -rf /root/.cache /var/cache/* /var/lib/apt/lists/* \
 && python3 -m compileall -q --invalidation-mode unchecked-hash "$stdlib" /opt/ztpurge || true

# One layer, without what was removed above.
FROM scratch
COPY --from=build / /
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
# no USER, no WORKDIR: the runner mounts the workspace and sets it; -I keeps its modules and PYTHONPATH out
ENTRYPOINT ["/opt/ztpurge/venv/bin/python3", "-I", "/opt/ztpurge/entrypoint.py"]
