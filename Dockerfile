# The service and its worker in one image. docs/deploy.md says how to run it; compose.yaml runs it with its stores.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /app
# Before the code, so that a change of the code installs nothing again. Only files with a locked hash are installed.
COPY requirements.txt scripts/blank_settings.pth ./
RUN python3 -m venv /venv && \
    /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --requirement requirements.txt && \
    mv blank_settings.pth /venv/lib/python3*/site-packages/ && \
    rm -r /venv/lib/python3*/site-packages/pip /venv/lib/python3*/site-packages/pip-*
COPY config.py wsgi.py gunicorn.conf.py .flaskenv ./
COPY migrations/ migrations/
COPY otp_service/ otp_service/
# Compiled here: at run time the root is read-only.
RUN python3 -m compileall -q /app

FROM ${PYTHON_IMAGE}
RUN mkdir /data && chown 10001:10001 /data && chmod 700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    APP_ENV=production \
    HOST=0.0.0.0 \
    INSTANCE_DIR=/data
WORKDIR /app
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", \"8000\")}/health', timeout=3)"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
