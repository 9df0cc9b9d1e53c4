# Training and export: docker build -f deploy/docker/training.Dockerfile -t songprint-training .
# docker run -v DATA:/data:ro -v models:/models songprint-training training fit --data /data --out /models/run
# docker run -v models:/models songprint-training export /models/run --out /models/bundle
ARG BASE=python:3.13.13-slim-bookworm@sha256:355bfa66770995d7e9a0da4b3473b44d0cb451f6b56f5615ad9c39e3c4eca03f

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/training.txt requirements.txt
RUN python -m venv /opt/songprint \
 && /opt/songprint/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.txt \
 && /opt/songprint/bin/python -m pip uninstall --yes pip

FROM ${BASE}
# A new volume that is mounted at /models belongs to whom the folder belongs.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin songprint \
 && install --directory --owner songprint --group songprint /models
COPY --from=build /opt/songprint /opt/songprint
WORKDIR /app
COPY worker worker
COPY training training
COPY export export
# matplotlib keeps its font cache in a home folder, of which there is none.
ENV PATH=/opt/songprint/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["training", "--help"]
