"""The queries of each answer: built once, since building them costs more than running them.

All take ``task``; but for `LOCKED` they take ``user`` too, and all that hand out items ``now``.
"""

from sqlalchemy import BindParameter, bindparam, exists, func, select, true
from sqlalchemy.orm import aliased

from supersede.web.database import Assignment, Job, Label, LabelItem, LabelTask, Look
from supersede.web.database.columns import UtcTime

__all__ = ["ASKED", "FREE", "HELD", "LOCKED", "STANDING"]

_task: BindParameter[int] = bindparam("task")
_user: BindParameter[int] = bindparam("user")
_other = aliased(Assignment)
_own = (Assignment.item_id == LabelItem.id) & (Assignment.user_id == _user)

# the task, until the transaction ends
LOCKED = select(LabelTask).where(LabelTask.id == _task).with_for_update()

# how many others have answered an item, or have it in front of them
_taken = (
    select(func.count())
    .where(
        _other.item_id == LabelItem.id,
        _other.user_id != _user,
        _other.state.in_(("labelled", "skipped"))
        | ((_other.state == "held") & (_other.expires > bindparam("now", type_=UtcTime))),
    )
    .correlate(LabelItem)
    .scalar_subquery()
)

# what an annotator has in front of them: item, assignment, how many others have it; the last first
HELD = (
    select(LabelItem, Assignment, _taken)
    .join(Assignment, _own)
    .where(LabelItem.task_id == _task, Assignment.state == "held")
    .order_by(Assignment.given.desc())
)

# the next item that is still needed: item, and the annotator's assignment if they had it before
FREE = (
    select(LabelItem, Assignment)
    .outerjoin(Assignment, _own)
    .join(LabelTask, LabelTask.id == LabelItem.task_id)
    .where(
        LabelItem.task_id == _task,
        LabelItem.state == "waiting",
        func.coalesce(Assignment.state, "released") == "released",
        _taken < LabelTask.per_item,
    )
    .order_by(LabelItem.position)
    .limit(1)
)

# all that decides whether an answer to ``item`` by ``form`` counts: item, assignment, how many others
# have it, whether the form was posted before, and whether a job of ``kind`` and ``about`` waits already
ASKED = (
    select(
        LabelItem,
        Assignment,
        _taken,
        exists().where(Label.user_id == _user, Label.form == bindparam("form")),
        exists().where(
            Job.kind == bindparam("kind"), Job.about == bindparam("about"), Job.state == "queued"
        ),
    )
    .select_from(LabelTask)
    .outerjoin(LabelItem, (LabelItem.id == bindparam("item")) & (LabelItem.task_id == LabelTask.id))
    .outerjoin(Assignment, _own)
    .where(LabelTask.id == _task)
)

_last = aliased(
    Look, select(Look).where(Look.task_id == _task).order_by(Look.labels.desc()).limit(1).subquery()
)
_given = (
    select(func.count())
    .select_from(Label)
    .join(LabelItem, LabelItem.id == Label.item_id)
    .where(LabelItem.task_id == _task, Label.user_id == _user, Label.undone.is_(None))
    .scalar_subquery()
)

# how many answers of the annotator stand, and the last look at the estimates
STANDING = (
    select(_given, _last)
    .select_from(LabelTask)
    .outerjoin(_last, true())
    .where(LabelTask.id == _task)
)
