# What a job's shell steps run in when `act` stands in for the runner: the README's workflow needs git and bash.
# Which git does not matter: it is thrown away with the job.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/*
