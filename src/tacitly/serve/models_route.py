"""`/v1/models`: the one model that is served."""

import time

from fastapi import APIRouter
from openai.types import Model
from starlette.responses import Response

from tacitly.serve.documenting import errors
from tacitly.serve.errors import ApiError
from tacitly.serve.replies import as_json
from tacitly.serve.service import Service
from tacitly.text import shortened


def models_router(service: Service) -> APIRouter:
    """The routes, for one model."""
    router = APIRouter(tags=["models"])
    said = {"tacitly": {"cautions": list(service.cautions)}}  # a field that ordinary clients leave alone
    model = Model(id=service.model_name, created=int(time.time()), object="model", owned_by="tacitly", **said)

    @router.get("/v1/models", summary="The model that is served", responses=errors(401))
    async def models() -> Response:
        """A list with one model, and with why its scores may mean less than the detector's card says."""
        return Response(b'{"object":"list","data":[' + as_json(model) + b"]}", media_type="application/json")

    @router.get("/v1/models/{name:path}", summary="One model", responses=errors(401, 404, 422))
    async def one_model(name: str) -> Response:
        """The model, if it is the one that is served."""
        require_model(service, name)
        return Response(as_json(model), media_type="application/json")

    return router


def require_model(service: Service, name: str) -> None:
    """Refuse to answer in another model's name.

    Raises:
        ApiError: 404.
    """
    if name != service.model_name:
        raise ApiError(
            404,
            f"the model {shortened(name)!r} is not served here; allowed: {service.model_name!r}",
            param="model",
            code="model_not_found",
        )
