"""The part of the service that is called ingestion."""

from fastapi import APIRouter

router = APIRouter(tags=["ingestion"])
