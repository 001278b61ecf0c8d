# The server in a container: docs/deploy.md. Build it with `docker build -t mien .`
#
# The wheel with the page in it is made in one stage, installed in the next, and the last has
# neither sources nor tools: Python, the installed packages, and a user without rights.

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY recipes recipes
COPY web web
COPY src src
# Hatch calls hatch_build.py, which builds the page with Node from PyPI.
RUN pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheel .

FROM python:3.11-slim-bookworm AS packages
COPY constraints.txt /
COPY --from=wheel /wheel /wheel
# Without pip in it: nothing is installed later. The versions are those that were tried together.
RUN python -m venv --without-pip /opt/mien \
    && pip --python /opt/mien/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --constraint /constraints.txt "$(echo /wheel/*.whl)[postgres]"

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="mien" \
    org.opencontainers.image.description="Facial expressions, read on your own machine" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.licenses="Apache-2.0"
# A number that no user of the host is likely to have.
RUN groupadd --gid 10765 mien \
    && useradd --uid 10765 --gid mien --no-create-home --home-dir /data --shell /usr/sbin/nologin mien \
    && install --directory --owner mien --group mien --mode 0700 /data
COPY --from=packages /opt/mien /opt/mien
ENV PATH=/opt/mien/bin:$PATH \
    MIEN_HOME=/data \
    MIEN_HOST=0.0.0.0 \
    MIEN_LOG_FORMAT=json \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10765:10765
WORKDIR /data
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "mien.web.probe"]
ENTRYPOINT ["mien"]
CMD ["serve", "--no-open"]
