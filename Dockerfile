# Two images of one checkout: `api` without torch, `worker` with it.
#
#   docker build --target api .
#   docker build --target worker .                                  # CPU
#   docker build --target worker --build-arg TORCH_BACKEND=cu130 .  # CUDA
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 VIRTUAL_ENV=/opt/limbeck
WORKDIR /src
COPY locks/uv.txt locks/
RUN python -m pip install --no-cache-dir --require-hashes -r locks/uv.txt && uv venv "$VIRTUAL_ENV"

FROM build AS build-api
COPY locks/api.txt locks/
RUN uv pip install --require-hashes -r locks/api.txt
COPY . .
RUN uv pip install --no-deps --build-constraints locks/dev.txt .

FROM build AS build-worker
ARG TORCH_BACKEND=cpu
COPY locks/torch.txt locks/
RUN uv pip install --torch-backend "$TORCH_BACKEND" -r locks/torch.txt
COPY locks/server.txt locks/
RUN uv pip install --require-hashes -r locks/server.txt
COPY . .
RUN uv pip install --no-deps --build-constraints locks/dev.txt .

FROM python:${PYTHON} AS runtime
# No module is ever taken from the working directory: a staged `json.py` would run otherwise.
ENV PATH=/opt/limbeck/bin:$PATH PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/limbeck limbeck \
    && install -d -o limbeck -g limbeck -m 700 /keys /signing /var/lib/limbeck /var/lib/limbeck/blobs /var/lib/limbeck/work
WORKDIR /var/lib/limbeck
USER 10001:10001
ENTRYPOINT ["python", "-P", "-m"]

FROM runtime AS api
COPY --from=build-api /opt/limbeck /opt/limbeck
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]

FROM runtime AS worker
USER 0:0
# Debian's security updates matter more here than one exact version.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
COPY --from=build-worker /opt/limbeck /opt/limbeck
CMD ["worker", "--lanes", "cpu"]
