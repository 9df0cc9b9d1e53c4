# The worker alone: docker build -f deploy/docker/worker.Dockerfile -t songprint-worker .
# Another base: --build-arg BASE=python:3.13.…-slim-bookworm@sha256:…
ARG BASE=python:3.13.13-slim-bookworm@sha256:355bfa66770995d7e9a0da4b3473b44d0cb451f6b56f5615ad9c39e3c4eca03f

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/worker.txt requirements.txt
RUN python -m venv /opt/songprint \
 && /opt/songprint/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.txt \
 && /opt/songprint/bin/python -m pip uninstall --yes pip

FROM ${BASE}
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin songprint
COPY --from=build /opt/songprint /opt/songprint
WORKDIR /app
COPY worker worker
# The root file system may be read-only: nothing is written. The folder above the bundle is what to mount: a mount of the
# bundle itself would not see a new one that is renamed into its place. Two arenas of glibc's malloc in place of eight per
# core: the threads of librdkafka and of the models leave less memory lying about.
ENV PATH=/opt/songprint/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    SONGPRINT_HTTP__HOST=0.0.0.0 \
    SONGPRINT_MODEL__BUNDLE=/models/bundle
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "worker"]
CMD ["run"]
