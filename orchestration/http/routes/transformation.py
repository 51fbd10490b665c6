"""The part of the service that is called transformation."""

from fastapi import APIRouter

router = APIRouter(tags=["transformation"])
