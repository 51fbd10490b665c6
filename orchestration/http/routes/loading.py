"""The part of the service that is called loading."""

from fastapi import APIRouter

router = APIRouter(tags=["loading"])
