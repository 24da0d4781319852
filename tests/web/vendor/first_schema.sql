BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE approvals (
	id INTEGER NOT NULL, 
	review_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	decision TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	entry INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_approvals PRIMARY KEY (id), 
	CONSTRAINT fk_approvals_review_id_reviews FOREIGN KEY(review_id) REFERENCES reviews (id), 
	CONSTRAINT fk_approvals_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE assignments (
	id INTEGER NOT NULL, 
	item_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	given DATETIME NOT NULL, 
	expires DATETIME NOT NULL, 
	CONSTRAINT pk_assignments PRIMARY KEY (id), 
	CONSTRAINT fk_assignments_item_id_label_items FOREIGN KEY(item_id) REFERENCES label_items (id), 
	CONSTRAINT fk_assignments_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_assignments_item_id_user_id UNIQUE (item_id, user_id)
);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	round_id INTEGER, 
	file_hash TEXT, 
	made_by INTEGER NOT NULL, 
	created DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_made_by_users FOREIGN KEY(made_by) REFERENCES users (id), 
	CONSTRAINT fk_candidates_round_id_rounds FOREIGN KEY(round_id) REFERENCES rounds (id), 
	CONSTRAINT uq_candidates_folded UNIQUE (folded), 
	CONSTRAINT uq_candidates_name UNIQUE (name)
);
CREATE TABLE files (
	hash TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	added_by INTEGER, 
	added DATETIME NOT NULL, 
	CONSTRAINT pk_files PRIMARY KEY (hash), 
	CONSTRAINT fk_files_added_by_users FOREIGN KEY(added_by) REFERENCES users (id)
);
INSERT INTO "files" VALUES('6f0f9d08917d1437dea631696462bda0339a27f368ce342d359c9a82e171e014',18188,'table.parquet',NULL,'2026-11-26 12:00:00.000000');
INSERT INTO "files" VALUES('0eaab6841ba0c9ede88166f9675cb952110d4844457cf61c28cf145d984c0fce',46736,'public.csv',NULL,'2026-11-26 12:00:00.000000');
CREATE TABLE findings (
	id INTEGER NOT NULL, 
	round_id INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	form TEXT NOT NULL, 
	title TEXT NOT NULL, 
	text TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	state TEXT NOT NULL, 
	answer TEXT NOT NULL, 
	disclose_on DATE, 
	created DATETIME NOT NULL, 
	entry INTEGER, 
	CONSTRAINT pk_findings PRIMARY KEY (id), 
	CONSTRAINT fk_findings_round_id_rounds FOREIGN KEY(round_id) REFERENCES rounds (id), 
	CONSTRAINT fk_findings_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id), 
	CONSTRAINT fk_findings_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_findings_team_id_form UNIQUE (team_id, form)
);
CREATE TABLE invitations (
	id INTEGER NOT NULL, 
	hash TEXT NOT NULL, 
	roles TEXT NOT NULL, 
	team_id INTEGER, 
	made_by INTEGER, 
	created DATETIME NOT NULL, 
	expires DATETIME NOT NULL, 
	used_by INTEGER, 
	CONSTRAINT pk_invitations PRIMARY KEY (id), 
	CONSTRAINT fk_invitations_made_by_users FOREIGN KEY(made_by) REFERENCES users (id), 
	CONSTRAINT fk_invitations_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id), 
	CONSTRAINT fk_invitations_used_by_users FOREIGN KEY(used_by) REFERENCES users (id), 
	CONSTRAINT uq_invitations_hash UNIQUE (hash)
);
CREATE TABLE jobs (
	id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	about TEXT NOT NULL, 
	payload JSON NOT NULL, 
	state TEXT NOT NULL, 
	due DATETIME NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	lease DATETIME, 
	progress TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	started DATETIME, 
	finished DATETIME, 
	problem TEXT NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES(1,'open round','round/1','{"round": 1}','done','2026-11-26 12:00:00.000000',1,'tester',NULL,'checking rows, groups and the first model','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','');
INSERT INTO "jobs" VALUES(2,'check submission','submission/1','{"submission": 1}','done','2026-11-26 12:00:00.000000',1,'tester',NULL,'comparing on the public rows','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','');
INSERT INTO "jobs" VALUES(3,'judge','round/1','{"round": 1}','done','2026-11-26 12:00:00.000000',1,'tester',NULL,'judging','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','');
CREATE TABLE label_items (
	id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	pattern TEXT NOT NULL, 
	content JSON NOT NULL, 
	state TEXT NOT NULL, 
	CONSTRAINT pk_label_items PRIMARY KEY (id), 
	CONSTRAINT fk_label_items_task_id_label_tasks FOREIGN KEY(task_id) REFERENCES label_tasks (id), 
	CONSTRAINT uq_label_items_task_id_item UNIQUE (task_id, item), 
	CONSTRAINT uq_label_items_task_id_position UNIQUE (task_id, position)
);
CREATE TABLE label_tasks (
	id INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	question TEXT NOT NULL, 
	state TEXT NOT NULL, 
	table_hash TEXT NOT NULL, 
	design TEXT NOT NULL, 
	design_hash TEXT NOT NULL, 
	options JSON NOT NULL, 
	shown JSON NOT NULL, 
	aims JSON NOT NULL, 
	per_item INTEGER NOT NULL, 
	review_id INTEGER, 
	made_by INTEGER NOT NULL, 
	created DATETIME NOT NULL, 
	decided DATETIME, 
	CONSTRAINT pk_label_tasks PRIMARY KEY (id), 
	CONSTRAINT fk_label_tasks_made_by_users FOREIGN KEY(made_by) REFERENCES users (id), 
	CONSTRAINT fk_label_tasks_review_id_reviews FOREIGN KEY(review_id) REFERENCES reviews (id)
);
CREATE TABLE labels (
	id INTEGER NOT NULL, 
	item_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	form TEXT NOT NULL, 
	value TEXT, 
	given DATETIME NOT NULL, 
	undone DATETIME, 
	CONSTRAINT pk_labels PRIMARY KEY (id), 
	CONSTRAINT fk_labels_item_id_label_items FOREIGN KEY(item_id) REFERENCES label_items (id), 
	CONSTRAINT fk_labels_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_labels_user_id_form UNIQUE (user_id, form)
);
CREATE TABLE ledger (
	number BIGINT NOT NULL, 
	stream TEXT NOT NULL, 
	body TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_ledger PRIMARY KEY (number), 
	CONSTRAINT uq_ledger_hash UNIQUE (hash)
);
INSERT INTO "ledger" VALUES(1,'accounts','{"at":"2026-11-26T12:00:00.000+00:00","by":1,"event":"granted","role":"owner","user":1}','29b81a8ae2227e710be7e33cb346115db7d662782ec7c91d4ea2bcd00f16c998');
INSERT INTO "ledger" VALUES(2,'accounts','{"at":"2026-11-26T12:00:00.000+00:00","by":2,"event":"granted","role":"hunter","user":2}','3cf2eecb84a8e4d2f299caeb69cf5944683149f38bfc4e97ee8d0f2fc53fe8d8');
INSERT INTO "ledger" VALUES(3,'round/1','{"at":"2026-11-26T17:51:18+00:00","base":{"answers":{"codes":2},"base":{"column":"said","form":"logged"},"format":1,"nodes":[]},"capacity":100,"event":"opened","first_repairs":[],"hash":"31664e0b8eeb52a539860b023763d68c724331c6879c2967504e2abadc2746cc","loss":"ZeroOne(name=''error rate'', most=1.0)","models":[],"per_team":20,"policy":"Certified(delta=0.05, name=''certified'')","previous":"0000000000000000000000000000000000000000000000000000000000000000","promise":"with probability 95% no accepted patch raises the error of the population that the holdout was drawn from","public":"a62de37925a5b8b46795ac4f702ad956f0b902765a8f20dcfd0d58d97bfdb50c","slices":[{"fingerprint":"015e64dc0300e59dccda59e38a6b8677dbf910c2c70d8248a070950313d4e3b2","name":"holdout","rows":1800}],"spent":null,"watch":{"site == ''south''":"site == ''south''"}}','2cc516b8d330c5b0ada154cf965a750e3da036d6a0fd5f1a5bab200a57066a64');
INSERT INTO "ledger" VALUES(4,'round/1','{"accepted":true,"answer":{"form":"constant","values":[1.0]},"at":"2026-11-26T17:51:19+00:00","event":"judged","group":"age >= 60","hash":"ebaf61850f10afdd6b76b910ece5d856013ddfd4f072ba0f5bbdb72bda554bef","left":99,"model":"c979ceeaca05f4dce99033cfeec46ef62164082dd6beda549fa4fd070c8b2347","note":"","number":1,"previous":"31664e0b8eeb52a539860b023763d68c724331c6879c2967504e2abadc2746cc","repairs":[],"sample":"holdout","submission":"04ff4db79892b88472aa631448988d2dfc477cc73ee8b59db8ffd31e20591a3c","team":"Lovelace"}','da378f6b5fd2a80e3eb7eeade56d361c44acc76c1056bed6c3c4f76e646a7126');
CREATE TABLE ledger_head (
	id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_ledger_head PRIMARY KEY (id)
);
INSERT INTO "ledger_head" VALUES(1,4,'da378f6b5fd2a80e3eb7eeade56d361c44acc76c1056bed6c3c4f76e646a7126');
CREATE TABLE looks (
	id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	labels INTEGER NOT NULL, 
	estimates JSON NOT NULL, 
	decided BOOLEAN NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_looks PRIMARY KEY (id), 
	CONSTRAINT fk_looks_task_id_label_tasks FOREIGN KEY(task_id) REFERENCES label_tasks (id), 
	CONSTRAINT uq_looks_task_id_labels UNIQUE (task_id, labels)
);
CREATE TABLE reviews (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	title TEXT NOT NULL, 
	state TEXT NOT NULL, 
	source JSON NOT NULL, 
	settings JSON NOT NULL, 
	result JSON, 
	report_hash TEXT, 
	problem TEXT NOT NULL, 
	labels INTEGER, 
	continues INTEGER, 
	job_id INTEGER, 
	made_by INTEGER NOT NULL, 
	created DATETIME NOT NULL, 
	finished DATETIME, 
	CONSTRAINT pk_reviews PRIMARY KEY (id), 
	CONSTRAINT fk_reviews_candidate_id_candidates FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT fk_reviews_continues_reviews FOREIGN KEY(continues) REFERENCES reviews (id), 
	CONSTRAINT fk_reviews_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT fk_reviews_made_by_users FOREIGN KEY(made_by) REFERENCES users (id)
);
CREATE TABLE role_grants (
	user_id INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	CONSTRAINT pk_role_grants PRIMARY KEY (user_id, role), 
	CONSTRAINT fk_role_grants_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "role_grants" VALUES(1,'owner');
INSERT INTO "role_grants" VALUES(2,'hunter');
CREATE TABLE round_teams (
	round_id INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	joined DATETIME NOT NULL, 
	CONSTRAINT pk_round_teams PRIMARY KEY (round_id, team_id), 
	CONSTRAINT fk_round_teams_round_id_rounds FOREIGN KEY(round_id) REFERENCES rounds (id), 
	CONSTRAINT fk_round_teams_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id)
);
INSERT INTO "round_teams" VALUES(1,1,'2026-11-26 12:00:00.000000');
CREATE TABLE rounds (
	id INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	state TEXT NOT NULL, 
	about TEXT NOT NULL, 
	table_hash TEXT NOT NULL, 
	public_hash TEXT, 
	model_hash TEXT, 
	"plan" JSON NOT NULL, 
	registration TEXT NOT NULL, 
	opens DATETIME NOT NULL, 
	closes DATETIME NOT NULL, 
	disclose_on DATE, 
	per_team INTEGER NOT NULL, 
	per_day INTEGER NOT NULL, 
	capacity INTEGER NOT NULL, 
	answer_every FLOAT NOT NULL, 
	opened_by INTEGER NOT NULL, 
	created DATETIME NOT NULL, 
	closed DATETIME, 
	problem TEXT NOT NULL, 
	audit JSON, 
	report_hash TEXT, 
	patched_hash TEXT, 
	CONSTRAINT pk_rounds PRIMARY KEY (id), 
	CONSTRAINT fk_rounds_opened_by_users FOREIGN KEY(opened_by) REFERENCES users (id)
);
INSERT INTO "rounds" VALUES(1,'A round','open','Find it.','6f0f9d08917d1437dea631696462bda0339a27f368ce342d359c9a82e171e014','0eaab6841ba0c9ede88166f9675cb952110d4844457cf61c28cf145d984c0fce',NULL,'{"label": "y", "model": "said", "model_columns": [], "features": ["age", "site", "hours"], "watch": ["site == ''south''"], "public": 0.4, "fresh": 0.3, "slices": 1, "seed": 0, "policy": "certified", "delta": 0.05, "columns": ["age", "hours", "site", "y", "said"], "schema": {"columns": [{"name": "age", "kind": "number", "missing": 0, "least": 18.0, "most": 89.0}, {"name": "site", "kind": "text", "missing": 0, "values": ["north", "west", "south"], "more": 0}, {"name": "hours", "kind": "number", "missing": 0, "least": 8.6, "most": 67.3}], "classes": ["0", "1"], "rows": 2400, "base": "logged"}}','open','2026-11-26 12:00:00.000000','2026-11-29 12:00:00.000000',NULL,20,5,100,60.0,1,'2026-11-26 12:00:00.000000',NULL,'','null',NULL,NULL);
CREATE TABLE sign_ins (
	hash TEXT NOT NULL, 
	user_id INTEGER NOT NULL, 
	created DATETIME NOT NULL, 
	seen DATETIME NOT NULL, 
	CONSTRAINT pk_sign_ins PRIMARY KEY (hash), 
	CONSTRAINT fk_sign_ins_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE submissions (
	id INTEGER NOT NULL, 
	round_id INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	form TEXT NOT NULL, 
	source TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	answer JSON, 
	answer_hash TEXT, 
	base TEXT, 
	note TEXT NOT NULL, 
	state TEXT NOT NULL, 
	public JSON, 
	problem TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	sent DATETIME, 
	judged DATETIME, 
	answered DATETIME, 
	number INTEGER, 
	entry INTEGER, 
	receipt JSON, 
	job_id INTEGER, 
	CONSTRAINT pk_submissions PRIMARY KEY (id), 
	CONSTRAINT fk_submissions_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT fk_submissions_round_id_rounds FOREIGN KEY(round_id) REFERENCES rounds (id), 
	CONSTRAINT fk_submissions_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id), 
	CONSTRAINT fk_submissions_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_submissions_round_id_number UNIQUE (round_id, number), 
	CONSTRAINT uq_submissions_team_id_form UNIQUE (team_id, form)
);
INSERT INTO "submissions" VALUES(1,1,1,2,'the first one','api','age >= 60','{"form": "constant", "values": [1.0]}',NULL,NULL,'','accepted','{"share": 0.41041666666666665, "before": 0.9563451776649746, "after": 0.04365482233502538, "rows": 985, "sample": "public rows", "loss": "error rate", "gap": 0.9126903553299492, "gain": 0.3745833333333333}','','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','2026-11-26 12:00:00.000000','2026-11-26 12:01:00.000000',1,NULL,'{"receipt": {"number": 1, "team": "Lovelace", "submission": "04ff4db79892b88472aa631448988d2dfc477cc73ee8b59db8ffd31e20591a3c", "accepted": true, "repairs": 0, "sample": "holdout", "model": "c979ceeaca05f4dce99033cfeec46ef62164082dd6beda549fa4fd070c8b2347", "left": 99, "entry": "ebaf61850f10afdd6b76b910ece5d856013ddfd4f072ba0f5bbdb72bda554bef", "round": 1, "answered": "2026-11-26T12:01:00+00:00"}, "signature": "596e22dac31235ef909a3bea2d7118f84d5da14c088946a1a65832e272356bd58ceac81a7f69d94f3579d653de7f7ec807f50236728c46007fe4b7e6f1925408", "key": "e4dab60180b8d23af06d676551db4608ea004a9207ce7493e207a9be7911e1f3"}',3);
CREATE TABLE team_members (
	user_id INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	CONSTRAINT pk_team_members PRIMARY KEY (user_id), 
	CONSTRAINT fk_team_members_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id), 
	CONSTRAINT fk_team_members_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "team_members" VALUES(2,1);
CREATE TABLE teams (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	CONSTRAINT pk_teams PRIMARY KEY (id), 
	CONSTRAINT uq_teams_folded UNIQUE (folded), 
	CONSTRAINT uq_teams_name UNIQUE (name)
);
INSERT INTO "teams" VALUES(1,'Lovelace','lovelace','2026-11-26 12:00:00.000000');
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	hash TEXT NOT NULL, 
	user_id INTEGER NOT NULL, 
	label TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	revoked DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_tokens_hash UNIQUE (hash)
);
CREATE TABLE used_forms (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	form TEXT NOT NULL, 
	result TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_used_forms PRIMARY KEY (id), 
	CONSTRAINT fk_used_forms_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_used_forms_user_id_form UNIQUE (user_id, form)
);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	password TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	removed DATETIME, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_folded UNIQUE (folded), 
	CONSTRAINT uq_users_name UNIQUE (name)
);
INSERT INTO "users" VALUES(1,'grace','grace','-','2026-11-26 12:00:00.000000',NULL);
INSERT INTO "users" VALUES(2,'ada','ada','-','2026-11-26 12:00:00.000000',NULL);
CREATE TABLE workers (
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	seen DATETIME NOT NULL, 
	CONSTRAINT pk_workers PRIMARY KEY (name)
);
INSERT INTO "workers" VALUES('tester','0.1.0','2026-11-26 12:00:00.000000');
CREATE INDEX ix_jobs_about ON jobs (about);
CREATE INDEX ix_jobs_state_due ON jobs (state, due);
CREATE INDEX ix_ledger_stream ON ledger (stream);
CREATE INDEX ix_sign_ins_user_id ON sign_ins (user_id);
CREATE INDEX ix_team_members_team_id ON team_members (team_id);
CREATE INDEX ix_tokens_user_id ON tokens (user_id);
CREATE INDEX ix_used_forms_at ON used_forms (at);
CREATE INDEX ix_findings_round_id ON findings (round_id);
CREATE INDEX ix_findings_team_id ON findings (team_id);
CREATE INDEX ix_round_teams_team_id ON round_teams (team_id);
CREATE INDEX ix_submissions_round_state ON submissions (round_id, state);
CREATE INDEX ix_submissions_team_round ON submissions (team_id, round_id, state);
CREATE INDEX ix_reviews_candidate_id ON reviews (candidate_id);
CREATE INDEX ix_approvals_review_id ON approvals (review_id);
CREATE INDEX ix_assignments_user_state ON assignments (user_id, state);
CREATE INDEX ix_labels_item_undone ON labels (item_id, undone);
CREATE TRIGGER ledger_frozen_UPDATE BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_frozen_DELETE BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
COMMIT;
