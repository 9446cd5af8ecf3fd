"""Router: models by name, with fallbacks; litellm's Router does the work.

    from djust_stream.sources import router

    router.quick_setup()                                     # what the environment has keys for
    router.register("fast", "openai/gpt-4o-mini", fallbacks=["anthropic"])
    await self.stream_from("reply", lambda: router.completion("fast", messages))

A model that fails before its first token is asked again, then its fallbacks are; afterwards its text is on
the page, and stream_retry begins anew. Needs ``pip install djust-stream[llm]``; litellm is imported by the
first completion. ``Router()`` makes one beside the module's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

#: The variable that holds a provider's key -> the name it is set up as, and its model.
DEFAULTS: dict[str, tuple[str, str]] = {
    "OPENAI_API_KEY": ("openai", "openai/gpt-4o-mini"),
    "ANTHROPIC_API_KEY": ("anthropic", "anthropic/claude-sonnet-4-5"),
    "GEMINI_API_KEY": ("gemini", "gemini/gemini-2.5-flash"),
    "MISTRAL_API_KEY": ("mistral", "mistral/mistral-small-latest"),
    "OPENROUTER_API_KEY": ("openrouter", "openrouter/auto"),
    "OLLAMA_HOST": ("ollama", "ollama_chat/llama3.2"),
}


class Router:
    """Names, what they stand for, and who stands in for them."""

    def __init__(self, num_retries: int = 2) -> None:
        self.num_retries = num_retries
        self._models: dict[str, dict[str, Any]] = {}
        self._fallbacks: dict[str, list[str]] = {}
        self._router: Any = None

    @property
    def names(self) -> list[str]:
        return list(self._models)

    def quick_setup(
        self, models: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
    ) -> list[str]:
        """Register every provider that the environment has a key for; the names that are new.

        models: other models than DEFAULTS, by name: ``{"openai": "openai/gpt-4.1"}``.
        """
        environ = os.environ if environ is None else environ
        added = []
        for variable, (name, model) in DEFAULTS.items():
            if environ.get(variable) and name not in self._models:
                options = {"api_base" if name == "ollama" else "api_key": environ[variable]}
                self.register(name, (models or {}).get(name, model), **options)
                added.append(name)
        return added

    def register(self, name: str, model: str, *, fallbacks: Iterable[str] = (), **options: Any) -> None:
        """Let a name stand for a model, as litellm spells it: "openai/gpt-4o-mini".

        fallbacks: names asked in this order when it fails. options: litellm's, such as api_key, timeout.
        """
        self._models[name] = {"model": model, **options}
        self._fallbacks[name] = list(fallbacks)
        self._router = None

    async def completion(
        self, name: str, messages: list[dict[str, Any]], *, stream: bool = True, **options: Any
    ) -> Any:
        """Ask the model of that name: a source for stream_from, or litellm's answer with ``stream=False``.

        Raises LookupError for a name that is not registered; what litellm raises.
        """
        self._check(name, "")
        for other in self._fallbacks[name]:
            self._check(other, f" (a fallback of {name!r})")
        if stream:
            options.setdefault("stream_options", {"include_usage": True})
        return await self._litellm().acompletion(model=name, messages=messages, stream=stream, **options)

    def _check(self, name: str, why: str) -> None:
        if name not in self._models:
            raise LookupError(
                f"no model is registered as {name!r}{why}; there are {', '.join(self._models) or 'none'}: "
                "call quick_setup() for those that the environment has keys for, or register(name, model)"
            )

    def _litellm(self) -> Any:
        if self._router is None:
            try:
                from litellm.router import Router as LiteLLMRouter
            except ImportError as error:
                raise ImportError(
                    f"the router needs litellm ({error}): pip install djust-stream[llm]"
                ) from error
            self._router = LiteLLMRouter(
                model_list=[
                    {"model_name": name, "litellm_params": dict(options)}
                    for name, options in self._models.items()
                ],
                fallbacks=[{name: names} for name, names in self._fallbacks.items() if names],
                num_retries=self.num_retries,
            )
        return self._router


_router = Router()
quick_setup = _router.quick_setup
register = _router.register
completion = _router.completion
