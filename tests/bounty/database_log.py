"""A log in SQLite, as a server would keep it, with a table of jobs beside it."""

import json
import sqlite3
from contextlib import contextmanager

from supersede.bounty.log import START, canonical, chained


class DatabaseLog:
    """A log in SQLite, as a server would keep it, with a table of jobs beside it."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.db.execute(
            "create table if not exists entries (number integer primary key, body text)"
        )
        self.db.execute("create table if not exists files (name text primary key, content blob)")
        self.db.execute("create table if not exists jobs (job text primary key, receipt integer)")

    @property
    def head(self):
        last = self.db.execute("select body from entries order by number desc limit 1").fetchone()
        return START if last is None else json.loads(last[0])["hash"]

    def since(self, count):
        rows = self.db.execute(
            "select body from entries where number > ? order by number", (count,)
        )
        return [json.loads(body) for (body,) in rows]

    @contextmanager
    def writing(self):
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    def append(self, entry, files=None):
        made = chained(entry, self.head)
        for name, content in (files or {}).items():
            self.db.execute("insert or ignore into files values (?, ?)", (name, content))
        self.db.execute("insert into entries (body) values (?)", (canonical(made),))
        return made

    def file(self, name):
        found = self.db.execute("select content from files where name = ?", (name,)).fetchone()
        return b"" if found is None else found[0]

    def finish(self, job):
        """What must be stored with the receipt of a job."""
        insert = "insert into jobs values (?, ?)"
        return lambda receipt: self.db.execute(insert, (job, receipt.number))

    @property
    def jobs(self):
        return self.db.execute("select count(*) from jobs").fetchone()[0]
