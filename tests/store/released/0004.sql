BEGIN TRANSACTION;
CREATE TABLE bodies (
	job INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	size INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (job, kind), 
	FOREIGN KEY(job) REFERENCES jobs (number) ON DELETE CASCADE
);
INSERT INTO "bodies" VALUES(1,'params',2,'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',X'7B7D');
INSERT INTO "bodies" VALUES(1,'result',14,'f85ee2859e7757b5bcf33d720ead3c508e04e0d997845cfab9bf5aebe6569086',X'7B22616E73776572223A2034327D');
INSERT INTO "bodies" VALUES(3,'params',2,'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',X'7B7D');
CREATE TABLE heads (
	id VARCHAR(64) NOT NULL, 
	host TEXT NOT NULL, 
	process_id INTEGER NOT NULL, 
	process_started FLOAT NOT NULL, 
	serves BOOLEAN NOT NULL, 
	began_at INTEGER NOT NULL, 
	seen_at INTEGER NOT NULL, 
	ended_at INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "heads" VALUES('head','host',1,0.5,1,1,2,NULL);
CREATE TABLE instances (
	id TEXT NOT NULL, 
	facts JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "instances" VALUES('lab','{"plan": {"name": "open"}}');
CREATE TABLE jobs (
	number INTEGER NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	head VARCHAR(64) NOT NULL, 
	instance TEXT NOT NULL, 
	qpu TEXT NOT NULL, 
	program VARCHAR(64) NOT NULL, 
	workload VARCHAR(64), 
	ending VARCHAR(16) NOT NULL, 
	is_final BOOLEAN NOT NULL, 
	created_at INTEGER NOT NULL, 
	ended_at INTEGER, 
	submission_key TEXT, 
	facts JSON NOT NULL, listed_form INTEGER, listed TEXT, 
	PRIMARY KEY (number), 
	CONSTRAINT one_job_for_a_key UNIQUE (instance, submission_key), 
	UNIQUE (id)
);
INSERT INTO "jobs" VALUES(1,'done','head','lab','fake_torino','sampler',NULL,'completed',1,1,3,NULL,'{"mode": "job", "mode_reason": "a test says so", "primitive": "sampler", "backend": "fake_torino", "executions": 100, "estimated_seconds": 2.035, "max_execution_seconds": 10800.0, "times": {"settled": 3}, "story": [[1, "Queued"], [3, "Finished"]]}',1,'{"id": "done"}');
INSERT INTO "jobs" VALUES(2,'failed','head','lab','fake_torino','sampler',NULL,'failed',1,2,3,NULL,'{"mode": "job", "mode_reason": "a test says so", "primitive": "sampler", "backend": "fake_torino", "executions": 100, "estimated_seconds": 2.035, "max_execution_seconds": 10800.0, "times": {"settled": 3}, "story": [[1, "Queued"], [3, "Finished"]]}',NULL,NULL);
INSERT INTO "jobs" VALUES(3,'waiting','head','lab','fake_torino','sampler',NULL,'unfinished',0,3,NULL,NULL,'{"mode": "job", "mode_reason": "a test says so", "primitive": "sampler", "backend": "fake_torino", "executions": 100, "estimated_seconds": 2.035, "max_execution_seconds": 10800.0, "times": {"settled": 3}, "story": [[1, "Queued"], [3, "Finished"]]}',NULL,NULL);
CREATE TABLE qiskit_modes_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT qiskit_modes_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "qiskit_modes_version" VALUES('0004');
CREATE TABLE secrets (
	name VARCHAR(64) NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "secrets" VALUES('tokens',X'736563726574');
CREATE TABLE tags (
	job INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	tag TEXT NOT NULL, 
	PRIMARY KEY (job, position), 
	FOREIGN KEY(job) REFERENCES jobs (number) ON DELETE CASCADE
);
INSERT INTO "tags" VALUES(1,0,'a');
INSERT INTO "tags" VALUES(1,1,'b');
CREATE TABLE tokens (
	id VARCHAR(16) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	instances JSON, 
	created_at INTEGER NOT NULL, 
	expires_at INTEGER, 
	revoked_at INTEGER, 
	used_at INTEGER, 
	PRIMARY KEY (id)
);
CREATE TABLE usage (
	source VARCHAR(64) NOT NULL, 
	part INTEGER NOT NULL, 
	instance TEXT NOT NULL, 
	ended_at INTEGER NOT NULL, 
	seconds FLOAT NOT NULL, 
	PRIMARY KEY (source, part)
);
INSERT INTO "usage" VALUES('done',0,'lab',3,1.25);
INSERT INTO "usage" VALUES('session',0,'lab',4,0.5);
CREATE TABLE workloads (
	number INTEGER NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	head VARCHAR(64) NOT NULL, 
	instance TEXT NOT NULL, 
	qpu TEXT NOT NULL, 
	mode VARCHAR(16) NOT NULL, 
	opened_at INTEGER NOT NULL, 
	closed_at INTEGER, 
	facts JSON NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (id)
);
INSERT INTO "workloads" VALUES(1,'session','head','lab','fake_torino','session',1,3,'{"windows": [[2, 3]], "window_seconds": [0.5]}');
CREATE INDEX jobs_by_time ON jobs (created_at, number);
CREATE INDEX jobs_of_an_instance ON jobs (instance, created_at, number);
CREATE INDEX jobs_of_a_workload ON jobs (workload);
CREATE INDEX jobs_by_ending ON jobs (ending);
CREATE INDEX jobs_that_are_not_final ON jobs (is_final, head);
CREATE INDEX ix_tags_job ON tags (job);
CREATE INDEX ix_tags_tag ON tags (tag);
CREATE INDEX usage_of_an_instance ON usage (instance, ended_at);
CREATE INDEX jobs_on_a_qpu ON jobs (qpu, ending, instance);
COMMIT;
