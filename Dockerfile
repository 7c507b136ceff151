# pgdex as an image: `docker build --tag pgdex .`, or through docker-compose.yml.
#
# Any image with Python >= 3.11 and its venv module will do as PYTHON_IMAGE.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
# What installs and builds stays out of the image that runs: pip alone takes 17 MB.
RUN python3 -m venv --without-pip /opt/pgdex && python3 -m venv /opt/build
# The dependencies in a layer of their own: it is built again only when the lock file changes.
# They are complete: nothing is resolved, neither here nor when pgdex itself is built (see the Makefile).
# The image is for workers: it has no PostgreSQL of its own (pgdex-core), no bytecode of modules that pgdex never loads,
# and nothing that no program reads (docker/leave_out.py). docs/dependencies.md says what that saves. It reads PDF and
# Word documents: of workers that share jobs, all have to.
COPY requirements-core.lock requirements-documents.lock requirements-build.lock ./
RUN /opt/build/bin/python -m pip --python /opt/pgdex/bin/python install --no-cache-dir --no-compile --no-deps --require-hashes --requirement requirements-core.lock --requirement requirements-documents.lock
RUN /opt/build/bin/python -m pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-build.lock
COPY . ./
RUN /opt/build/bin/python release/core.py /build/core \
    && /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /build/dist /build/core \
    && /opt/build/bin/python -m pip --python /opt/pgdex/bin/python install --no-cache-dir --no-compile --no-deps --no-index /build/dist/pgdex_core-*.whl \
    && /opt/build/bin/python -m pip --python /opt/pgdex/bin/python check \
    && /opt/pgdex/bin/python docker/leave_out.py \
    && /opt/pgdex/bin/python docker/compile_loaded.py

FROM ${PYTHON_IMAGE}
# For repositories that are indexed by their address.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 pgdex \
    && useradd --uid 10001 --gid pgdex --home-dir /var/lib/pgdex --create-home --shell /usr/sbin/nologin pgdex \
    # With `user:` the container may run under any id, and that one needs the folder too.
    && chmod 1777 /var/lib/pgdex
COPY --from=build /opt/pgdex /opt/pgdex
COPY docker/healthcheck.py /opt/pgdex/
ENV PATH=/opt/pgdex/bin:$PATH \
    HOME=/var/lib/pgdex \
    PGDEX_HOME=/var/lib/pgdex \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/pgdex
ENTRYPOINT ["pgdex"]
CMD ["worker"]
