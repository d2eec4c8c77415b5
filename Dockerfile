# The lessons in an image, with PyTorch's build for the CPU. notebooks/where_it_runs.md says what was tried.
#
#   docker build --tag vtff .                        # the whole project
#   docker run --rm --publish 127.0.0.1:8888:8888 vtff
#
#   docker build --tag vtff-hub --target hub .       # for a class: the library, no lessons, no solutions

FROM python:3.12-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

# One account that is not root; a hub and Binder expect this name and number.
ARG NB_USER=jovyan
ARG NB_UID=1000
RUN useradd --create-home --shell /bin/bash --uid ${NB_UID} ${NB_USER}
ENV USER=${NB_USER} HOME=/home/${NB_USER}

# Not in the home folder, which a hub covers with the student's own. `make` looks for it at $VENV.
ENV VENV=/opt/venv
ENV PATH=${VENV}/bin:${PATH}
# Both from PyTorch's own index: with torch from here, the torchvision of PyPI cannot be imported.
RUN python -m venv ${VENV} \
    && pip install "torch>=2.11,<2.16" "torchvision>=0.26,<0.30" \
        --index-url https://download.pytorch.org/whl/cpu \
    && chmod -R a+rwX ${VENV}

# What a student's server needs. JUPYTERHUB_VERSION is that of the hub.
FROM base AS hub
ARG JUPYTERHUB_VERSION=
COPY pyproject.toml README.md LICENSE MANIFEST.in /tmp/vtff/
COPY vtff_lib /tmp/vtff/vtff_lib
RUN pip install "/tmp/vtff[lab]" "jupyterhub${JUPYTERHUB_VERSION:+==${JUPYTERHUB_VERSION}}" nbgitpuller
USER ${USER}
WORKDIR ${HOME}
CMD ["jupyterhub-singleuser"]

FROM base AS lessons
WORKDIR ${HOME}/vtff
RUN chown ${USER} .
USER ${USER}
COPY --chown=${USER} . .
RUN make ${VENV}/installed
EXPOSE 8888
CMD ["make", "lab", "LAB_ARGS=--ip=0.0.0.0 --no-browser"]
