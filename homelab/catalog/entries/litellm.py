"""LiteLLM, one API in front of many language models."""

from homelab.catalog.model import (
    Entry,
    Hardening,
    PortFact,
    PortNumber,
    SecretFact,
    SecretPath,
    SignIn,
    Template,
)

ENTRY = Entry(
    name="litellm",
    title="LiteLLM",
    summary="One API in front of many language models",
    category="AI",
    # The collection of icons that dashboards use has none of its own.
    icon="mdi-transit-connection-variant",
    homepage="https://www.litellm.ai",
    since="25.05",
    ports={"web": PortFact(8080)},
    # Models are a matter of the homelab: services.litellm.settings.model_list.
    options={
        "services.litellm.enable": True,
        "services.litellm.host": Template("{bind}"),
        "services.litellm.port": PortNumber(),
        "services.litellm.environmentFile": SecretPath("key"),
        "services.litellm.settings.general_settings.master_key": "os.environ/LITELLM_MASTER_KEY",
    },
    units=("litellm",),
    dynamic_user=True,
    state=("/var/lib/private/litellm",),
    state_at={"services.litellm.stateDir": "/var/lib/private/litellm"},
    stateless="its models are in the generated configuration, and it has no database",
    sign_in=SignIn(
        kinds=("native",),
        apps="programs with a key",
        note="its clients send a key, and cannot pass a gate",
    ),
    health="/health/liveliness",
    websocket=True,
    upload="100MB",
    secrets={
        # The prefix is how it tells keys of its own from others'.
        "key": SecretFact(
            form="env",
            env=(("LITELLM_MASTER_KEY", "sk-{value}"),),
            note="the key that its clients send",
        )
    },
    # Its own module leaves this part out, and nobody knows what all of its clients need.
    hardening=Hardening(jit=True),
)
