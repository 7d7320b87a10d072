"""The rules of a QPU's queue a second time: as naive as can be, from the rules and not the code.

Two lists, of jobs and of workloads, and everything is found by looking through them again at every
step: no queues, no locks, nothing that is remembered beside the facts. Announcements are left out.
"""

from functools import partial
from itertools import count
from math import inf
from types import SimpleNamespace

from qiskit_modes.scheduling.job import RAN_TOO_LONG, Cancelled, Completed, Failed, Fault

UNFINISHED = ("queued", "compiling", "ready", "executing", "post-processing", "abandoning")
IN_LANE = UNFINISHED[1:]
CUT_OFF, CANCELLED = Failed(Fault.USER, "cut off"), Cancelled("cancelled")


class ReferenceModel:
    """What a scheduler with ``lanes`` lanes has to do; `handle` returns what it has to ask for.

    An instruction is a tuple: the name of what is asked for, and for what.
    """

    def __init__(self, lanes):
        self.lanes, self.jobs, self.workloads, self.charges = lanes, [], [], []
        self.calibrations, self.calibration_ends, self.draining = [], None, None
        self.maintained_until = 0.0
        self.asked, self.order, self.now = [], count(), 0.0

    def handle(self, event, now):
        while (due := self.next_timer()) and due[0] <= now:
            self.now = due[0]
            due[1]()
            self.start_what_can_start()
        self.now = now
        getattr(self, type(event).__name__)(**vars(event))
        self.start_what_can_start()
        asked, self.asked = self.asked, []
        return asked

    def job(self, job_id):
        return next((job for job in self.jobs if job.id == job_id), None)

    def workload(self, workload_id):
        return next((each for each in self.workloads if each.id == workload_id), None)

    def those(self, *states, workload=None):
        jobs = [job for job in self.jobs if job.state in states]
        return [job for job in jobs if workload is None or job.workload is workload]

    def on_qpu(self):
        return [job for job in self.jobs if job.got_qpu is not None and job.gave_qpu is None]

    def qpu_is_free(self):
        busy = self.on_qpu() or self.calibration_ends is not None
        return not busy and self.now >= self.maintained_until

    def active_session(self):
        active = [w for w in self.workloads if w.state == "active" and w.mode == "session"]
        return next(iter(active), None)

    # -- time: whatever comes first; at the same time the QPU first, then the older workload ---

    def next_timer(self):
        return min(self.timers(), key=lambda timer: timer[0], default=None)

    def timers(self):
        for job in self.those("executing"):
            yield job.got_qpu + job.limit, partial(self.end_early, job, RAN_TOO_LONG)
        if self.maintained_until > self.now:
            yield self.maintained_until, lambda: None
        for job in self.those("executing"):
            in_session = job.workload is not None and job.workload.mode == "session"
            if job.instance.plan.stops_at_limit and not in_session:
                yield job.got_qpu + self.left(job.instance), partial(self.exhaust, job.instance)
        if (session := self.active_session()) and session.instance.plan.stops_at_limit:
            doing = self.those("queued", "compiling", "ready", "executing", workload=session)
            if session.accepts or doing:
                end = session.story[-1][1] + self.left(session.instance)
                yield end, partial(self.exhaust, session.instance)
        if self.calibration_ends is not None:
            yield self.calibration_ends, partial(setattr, self, "calibration_ends", None)
        for w in self.workloads:
            plan, starts = w.instance.plan, [at for state, at in w.story if state == "active"]
            to_cut_off = w.state != "closed" and (w.accepts or self.those("queued", workload=w))
            if starts and to_cut_off:
                yield starts[0] + w.ttl, partial(self.stop, w, CUT_OFF)
                if plan.active_ttl_seconds and w.state == "active" and not w.yields:
                    end = w.story[-1][1] + min(plan.active_ttl_seconds, w.ttl)
                    yield end, partial(self.give_way, w)
            if not self.those(*UNFINISHED, workload=w):
                if w.state == "active":
                    session = w.mode == "session"
                    wait = "session" if session else "batch"
                    idle = getattr(plan, f"{wait}_interactive_ttl_seconds")
                    yield w.idle_since + idle, partial(self.leave, w, "inactive")
                if w.state == "open":
                    yield w.idle_since + plan.unused_ttl_seconds, partial(self.stop, w, CUT_OFF)
        for job in self.those("queued"):
            charges = self.charged(job.instance)
            going_on = job.workload is not None and job.workload.state == "active"
            if self.is_limited(job.instance) and not going_on:
                yield charges[0][1] + job.instance.plan.window_seconds, lambda: None

    # -- usage: what was charged within the window ---------------------------------------------

    def charged(self, instance):
        window = instance.plan.window_seconds
        return [c for c in self.charges if c[0] == instance.id and c[1] + window > self.now]

    def used(self, instance):
        return sum(seconds for _, _, seconds in self.charged(instance))

    def left(self, instance):
        return inf if instance.limit is None else max(instance.limit - self.used(instance), 0.0)

    def is_limited(self, instance):
        return self.left(instance) == 0.0

    def share(self, instance):
        return self.used(instance) / instance.allocation if instance.allocation else 0.0

    # -- who is next ---------------------------------------------------------------------------

    def start_what_can_start(self):
        while self.qpu_is_free() and (ready := self.those("ready")):
            job = min(ready, key=lambda job: job.ready)
            in_session = job.workload is not None and job.workload.mode == "session"
            stops = job.instance.plan.stops_at_limit and not in_session
            if not stops or not self.is_limited(job.instance):
                break
            self.exhaust(job.instance)
        while job := self.next_job():
            job.state, job.got_lane, job.lane = "compiling", self.now, next(self.order)
            if job.workload:
                job.workload.started = self.now
            self.asked.append(("Compile", job.id))
        qpu_is_free = self.qpu_is_free()
        if qpu_is_free and self.calibrations and not self.active_session() and not self.draining:
            self.calibration_ends = self.now + self.calibrations.pop(0)
        elif qpu_is_free and (ready := self.those("ready")):
            job = min(ready, key=lambda job: job.ready)
            job.state, job.got_qpu = "executing", self.now
            self.asked.append(("Execute", job.id))

    def next_job(self):
        if len(self.those(*IN_LANE)) == self.lanes:
            return None
        if session := self.active_session():
            queued = [] if session.yields else self.those("queued", workload=session)
            return next(iter(queued), None)
        if self.draining and not self.those("queued", workload=self.draining):
            self.draining = None
        if not self.draining:
            queued = self.those("queued")
            active = [j for j in queued if j.workload and j.workload.state == "active"]
            if first := [job for job in active if not job.workload.yields]:
                return min(first, key=lambda j: (j.workload.story[-1][1], j.workload.number))
            queued = [j for j in queued if j not in active and not self.is_limited(j.instance)]
            job = min(queued, key=lambda job: self.share(job.instance), default=None)
            if job is None or job.workload is None:
                return job
            if job.workload.mode == "batch":
                self.enter(job.workload, "active")
                return job
            self.draining = job.workload
        if self.those(*IN_LANE) or self.calibration_ends is not None:
            return None
        session, self.draining = self.draining, None
        self.enter(session, "active")
        return self.those("queued", workload=session)[0]

    # -- how things end ------------------------------------------------------------------------

    def enter(self, w, state):
        w.state, w.yields = state, False
        w.story.append((state, self.now))

    def leave(self, w, state):
        if w.state == "active" and w.mode == "session":
            self.charges.append((w.instance.id, self.now, self.now - w.story[-1][1]))
        self.enter(w, state)

    def stop(self, w, drop=None):
        w.accepts = False
        for job in self.those("queued", workload=w) if drop else []:
            self.end(job, drop)
        self.rest(w)

    def exhaust(self, instance):
        for w in self.workloads:
            if w.instance.id == instance.id:
                self.stop(w, CANCELLED)
        going_on = self.those("compiling", "ready", "executing")
        for job in sorted(going_on, key=lambda job: job.lane):
            if job.instance.id == instance.id:
                self.end_early(job, RAN_TOO_LONG)

    def give_way(self, w):
        w.yields = True
        self.rest(w)

    def rest(self, w):
        if w.state == "closed":
            return
        idle = not self.those(*UNFINISHED, workload=w)
        if idle:
            w.idle_since = self.now
        if idle and not w.accepts:
            self.leave(w, "closed")
        elif w.yields and not self.those(*IN_LANE, workload=w):
            self.leave(w, "inactive")

    def end_early(self, job, outcome):
        if job.state in ("queued", "ready"):
            self.end(job, outcome)
        else:
            job.state, job.outcome, job.settled = "abandoning", outcome, self.now
            self.asked += [("Abandon", job.id), ("Finish", job.id, outcome)]

    def end(self, job, outcome):
        was_in_lane = job.state in IN_LANE
        if job.state != "abandoning":
            job.outcome, job.settled = outcome, self.now
            self.asked.append(("Finish", job.id, outcome))
        job.state = "finished"
        if job in self.on_qpu():
            job.gave_qpu = self.now
        charged = 0.0 if job.got_qpu is None else job.gave_qpu - job.got_qpu
        if isinstance(job.outcome, Failed) and job.outcome.fault is Fault.SYSTEM:
            charged = 0.0
        w = job.workload
        if charged and (w is None or w.mode == "batch"):
            self.charges.append((job.instance.id, self.now, charged))
        if w is not None:
            w.job_seconds += charged
            w.completed = self.now if was_in_lane else w.completed
            self.rest(w)

    def step_ended(self, job_id, state, then):
        job = self.job(job_id)
        if job.state == "abandoning":
            self.end(job, None)
        else:
            assert job.state == state, f"{job_id} is {job.state}"
            then(job)

    # -- what happens, by the names of the events ----------------------------------------------

    def WorkloadOpened(self, workload_id, mode, instance, max_ttl_seconds):  # noqa: N802
        plan = instance.plan
        if mode == "session" and not plan.sessions_allowed:
            self.asked.append(("Refuse", workload_id, "PLAN"))
        elif max_ttl_seconds is not None and not 0 <= max_ttl_seconds <= plan.max_ttl_seconds:
            self.asked.append(("Refuse", workload_id, "LIMIT"))
        else:
            self.workloads.append(
                SimpleNamespace(
                    id=workload_id, number=next(self.order), mode=mode, instance=instance,
                    ttl=max_ttl_seconds or plan.max_ttl_seconds, state="open", accepts=True,
                    idle_since=self.now, story=[("open", self.now)], started=None, completed=None,
                    job_seconds=0.0, yields=False,
                )
            )  # fmt: skip

    def WorkloadClosed(self, workload_id):  # noqa: N802
        self.stop(self.workload(workload_id))

    def WorkloadCancelled(self, workload_id):  # noqa: N802
        self.stop(self.workload(workload_id), CANCELLED)

    def JobSubmitted(self, job_id, instance, workload_id, max_execution_seconds):  # noqa: N802
        plan, limit, w = instance.plan, max_execution_seconds, self.workload(workload_id)
        mine = [job for job in self.jobs if job.instance.id == instance.id]
        unfinished = [job for job in mine if job.state in UNFINISHED]
        last_minute = [job for job in mine if job.submitted > self.now - 60]
        if w is not None and not w.accepts:
            self.asked.append(("Refuse", job_id, "NOT_ACCEPTING"))
        elif (
            (w is not None and limit is not None and limit > w.ttl)
            or len(unfinished) == plan.max_pending_jobs
            or len(last_minute) == plan.max_submissions_per_minute
        ):
            self.asked.append(("Refuse", job_id, "LIMIT"))
        else:
            self.jobs.append(
                SimpleNamespace(
                    id=job_id, instance=instance, workload=w, submitted=self.now, state="queued",
                    limit=min(limit or plan.max_execution_seconds, plan.max_execution_seconds),
                    ready=None, got_lane=None, got_qpu=None, gave_qpu=None, settled=None,
                    outcome=None,
                )
            )  # fmt: skip

    def JobCompiled(self, job_id):  # noqa: N802
        def then(job):
            job.state, job.ready = "ready", next(self.order)

        self.step_ended(job_id, "compiling", then)

    def JobExecuted(self, job_id):  # noqa: N802
        def then(job):
            job.state, job.gave_qpu = "post-processing", self.now
            self.asked.append(("PostProcess", job_id))

        self.step_ended(job_id, "executing", then)

    def JobPostProcessed(self, job_id):  # noqa: N802
        self.step_ended(job_id, "post-processing", lambda job: self.end(job, Completed()))

    def JobFailed(self, job_id, fault, reason, code):  # noqa: N802
        self.end(self.job(job_id), Failed(fault, reason, code))

    def CancelRequested(self, job_id):  # noqa: N802
        job = self.job(job_id)
        if job is None or job.outcome is not None:
            self.asked.append(("Refuse", job_id, "ALREADY_FINAL"))
        else:
            self.end_early(job, CANCELLED)

    def CalibrationDue(self, duration_seconds):  # noqa: N802
        self.calibrations.append(duration_seconds)

    def MaintenanceBegan(self, duration_seconds):  # noqa: N802
        self.maintained_until = max(self.maintained_until, self.now + duration_seconds)

    def TimePassed(self):  # noqa: N802
        pass
