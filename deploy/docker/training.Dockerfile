# Training and export: docker build -f deploy/docker/training.Dockerfile -t songprint-training .
# docker run -v DATA:/data:ro -v OUT:/out songprint-training training fit --data /data --out /out/run
# docker run -v OUT:/out songprint-training export /out/run --out /out/bundle
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/training.txt requirements.txt
RUN python -m venv /opt/songprint \
 && /opt/songprint/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.txt \
 && /opt/songprint/bin/python -m pip uninstall --yes pip

FROM ${BASE}
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin songprint
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
