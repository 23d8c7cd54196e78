"""What all tables share: named constraints, and how Python types are stored."""

from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Integer, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from ledger.database import clock

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Id = Annotated[str, mapped_column(String(40), primary_key=True)]
ProjectId = Annotated[str, mapped_column(ForeignKey("projects.id"), index=True)]
ProjectOfJob = Annotated[str, mapped_column(ForeignKey("projects.id"))]
"""The project again, on rows that are found by their job."""
ProjectListed = Annotated[str, mapped_column(ForeignKey("projects.id"))]
"""Of rows that are many: an index of project and id gives a list of them in order."""
Born = Annotated[float, mapped_column(Double, server_default=clock())]
"""The moment of the insert."""


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        dict[str, Any]: Json,
        list[Any]: Json,
        int: BigInteger().with_variant(Integer(), "sqlite"),
        float: Double(),
    }
