"""Operators: changes by admins, and the assignments from queues that follow."""

from collections.abc import Mapping

from app.core.errors import OperatorNotFound, found
from app.crud import OperatorCRUD
from app.db.database import Database
from app.db.session import WriteSession
from app.models import Operator
from app.services.locking import lock_operator
from app.services.queue import assign_remaining, assign_waiting


async def create(database: Database, values: Mapping[str, object]) -> Operator:
    """Create an operator."""

    async def write(session: WriteSession) -> Operator:
        return await OperatorCRUD(session).create(**values)

    return await database.write(write)


async def update(database: Database, operator_id: int, changes: Mapping[str, object]) -> Operator:
    """Change an operator, and assign waiting interactions to the capacity that this frees.

    Raises:
        OperatorNotFound: there is no such operator.

    """

    async def change(session: WriteSession) -> tuple[Operator, set[int]]:
        queues = await lock_operator(session, operator_id)
        operator = await OperatorCRUD(session).update(operator_id, changes)
        return found(operator, OperatorNotFound), await assign_waiting(session, queues)

    operator, rest = await database.write(change)
    await assign_remaining(database, rest)
    return operator
