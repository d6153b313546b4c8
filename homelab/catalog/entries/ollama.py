"""Ollama, language models on the homelab's own hardware."""

from homelab.catalog.model import Entry, Hardening, PortFact, PortNumber, SignIn, Template
from homelab.nix import Pkg

ENTRY = Entry(
    name="ollama",
    title="Ollama",
    summary="Language models on hardware of your own",
    category="AI",
    icon="ollama",
    homepage="https://ollama.com",
    since="24.11",
    ports={"web": PortFact(11434)},
    options={
        "services.ollama.enable": True,
        "services.ollama.host": Template("{bind}"),
        "services.ollama.port": PortNumber(),
    },
    # Until 25.11 the module builds its package anew for `acceleration`, which undoes the choice
    # of a package; afterwards the package alone decides (NixOS/nixpkgs#466004).
    options_gpu={
        "amd": {
            "services.ollama.acceleration": "rocm",
            "services.ollama.package": Pkg("ollama-rocm"),
        },
        "nvidia": {
            "services.ollama.acceleration": "cuda",
            "services.ollama.package": Pkg("ollama-cuda"),
        },
    },
    added={"services.ollama.syncModels": "25.11"},
    removed={"services.ollama.acceleration": "26.05"},
    units=("ollama",),
    dynamic_user=True,
    state=("/var/lib/private/ollama",),
    state_at={
        "services.ollama.home": "/var/lib/private/ollama",
        "services.ollama.models": "/var/lib/private/ollama/models",
    },
    exclude=("/var/lib/private/ollama/models",),
    stateless="models are downloaded again",
    sign_in=SignIn(kinds=("none", "forward"), note="it has no sign-in at all"),
    health="/api/tags",
    upload="50GB",
    # What cudaPackages that ollama links are called, as configurations with a list of allowed
    # names have them.
    unfree_gpu={"nvidia": ("cuda_cccl", "cuda_cudart", "cuda_nvcc", "libcublas")},
    hardening=Hardening(upstream=True),
)
