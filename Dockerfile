# Two images out of one file. `api` answers requests and decodes no picture; `worker` fetches, encodes and builds.
#   docker build --target api -t posterity-api .
#   docker build --target worker -t posterity-worker .
ARG BASE=python:3.12-slim-trixie

FROM ${BASE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

# Our own wheel, built with the locked setuptools: nothing is taken from the network without its hash.
FROM tools AS package
WORKDIR /source
COPY requirements/dev.lock requirements/
RUN awk '/^setuptools==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements/dev.lock > setuptools.lock \
    && pip install --require-hashes -r setuptools.lock
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM tools AS api-venv
COPY requirements/api.lock /locks/
RUN pip install --require-hashes --only-binary=:all: -r /locks/api.lock
COPY --from=package /wheels /wheels
RUN pip install --no-deps --no-index /wheels/*.whl && python -c "import api.app"

FROM tools AS worker-venv
# Another lock file makes another worker: see the GPU note in docker-compose.yml.
ARG LOCK=requirements/worker.lock
COPY ${LOCK} /locks/worker.lock
RUN pip install --require-hashes --only-binary=:all: -r /locks/worker.lock
COPY --from=package /wheels /wheels
RUN pip install --no-deps --no-index /wheels/*.whl && python -c "import posters.vgg16, workers.tasks"

# What both run on. pip has compiled the bytecode; PYTHONDONTWRITEBYTECODE would slow every start.
FROM ${BASE} AS runtime
RUN groupadd --gid 10001 posterity \
    && useradd --uid 10001 --gid posterity --no-create-home --home-dir /tmp --shell /usr/sbin/nologin posterity \
    && install -d -o posterity -g posterity /data
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    KERAS_HOME=/data/keras \
    POSTERITY_DATA_DIR=/data \
    POSTERITY_HOST=0.0.0.0
WORKDIR /app
COPY deploy/gunicorn.conf.py deploy/healthy.py deploy/
USER posterity
VOLUME /data

FROM runtime AS api
COPY --from=api-venv /opt/venv /opt/venv
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "deploy/healthy.py", "api"]
CMD ["gunicorn", "-c", "deploy/gunicorn.conf.py", "api.app:create_app()"]

FROM runtime AS worker
COPY --from=worker-venv /opt/venv /opt/venv
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "deploy/healthy.py", "worker"]
CMD ["posterity", "worker", "--kinds", "fetch,embed"]
