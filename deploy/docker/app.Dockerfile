# syntax=docker/dockerfile:1
# An application on the Python package: docker build -f deploy/docker/app.Dockerfile -t ramekin-app .
# PG_DSN says where its data is: ramekin://:password@host:6379

FROM rust:1.95-slim-trixie AS rust

FROM python:3.14-trixie AS build
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo \
    RUSTUP_HOME=/usr/local/rustup \
    PATH=/usr/local/cargo/bin:$PATH
RUN pip install --no-cache-dir "maturin>=1.16,<2"
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    maturin build --release --locked --manifest-path crates/python/Cargo.toml --out /wheels
COPY examples/python/requirements.txt /wheels/
RUN pip wheel --no-cache-dir --wheel-dir /wheels --requirement /wheels/requirements.txt

FROM python:3.14-slim-trixie
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid app --home-dir /app --no-create-home --shell /usr/sbin/nologin app
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels ramekin --requirement /wheels/requirements.txt
COPY examples/python/fastapi_server.py /app/
USER 10001:10001
WORKDIR /app
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/stats', timeout=4)"]
CMD ["uvicorn", "fastapi_server:app", "--host", "0.0.0.0", "--port", "8000"]
