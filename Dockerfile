# Two images: `server` is web, beat, the workers and migrations; `region` has the probes and nothing else. Both run as an
# ordinary user with a read-only root: what they write goes to /tmp, and to the volumes /spool and /archive. With
# `--build-arg OTEL=1` they can also be traced (docs/operations.md, Traces).

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    MALLOC_ARENA_MAX=2 \
    WORK_FILE=/tmp/worked
RUN useradd --uid 10001 --create-home uptime
WORKDIR /app

# What each image is made of, by name, version and hash (CycloneDX): /app/sbom.cdx.json.
FROM base AS bom
COPY requirements-audit.txt .
RUN pip install --require-hashes -r requirements-audit.txt
COPY requirements.txt requirements-region.txt ./
RUN for part in requirements requirements-region; do \
        cyclonedx-py requirements --output-reproducible --of JSON -o /$part.cdx.json $part.txt || exit; \
    done

FROM base AS region
COPY requirements-region.txt .
RUN pip install --require-hashes -r requirements-region.txt
ARG OTEL=""
COPY requirements-otel.txt .
RUN [ -z "$OTEL" ] || pip install --require-hashes -r requirements-otel.txt
COPY --from=bom /requirements-region.cdx.json sbom.cdx.json
COPY probes probes
COPY scripts/talks_to_broker.py scripts/
# Owned by the account that writes there, also where a volume is put over it.
RUN python -m compileall -q probes && install --directory --owner=uptime --mode=0700 /spool
ENV PROBE_SPOOL_DIR=/spool
USER uptime
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s CMD ["python", "scripts/talks_to_broker.py"]
CMD ["sh", "-c", "exec python -m probes.serve --quiet -A probes.worker worker -Q region.$REGION,region.$REGION.now -n $REGION@%h"]

FROM base AS server
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt
ARG OTEL=""
COPY requirements-otel.txt .
RUN [ -z "$OTEL" ] || pip install --require-hashes -r requirements-otel.txt
COPY . .
COPY --from=bom /requirements.cdx.json sbom.cdx.json
# The settings want values; collecting files uses none of them, and none stays in the image.
RUN SECRET_KEY=only-while-files-are-collected-not-kept \
    JWT_SIGNING_KEY=only-while-files-are-collected-not-kept \
    FIELD_ENCRYPTION_KEYS=b25seS13aGlsZS1maWxlcy1hcmUtY29sbGVjdGVkLTM= \
    DATABASE_URL=postgresql://nowhere/uptime \
    REDIS_URL=redis://nowhere/0 \
    python manage.py collectstatic --noinput \
    && python -m compileall -q . \
    && install --directory --owner=uptime --mode=0700 /archive
ENV WEB_CONCURRENCY=2
USER uptime
EXPOSE 8000
# Of web, which the image runs by itself; compose and the chart ask the workers by scripts/talks_to_broker.py.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status >= 400)"]
CMD ["python", "-m", "gunicorn", "uptime.wsgi", "--bind", "0.0.0.0:8000", "--threads", "8", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
