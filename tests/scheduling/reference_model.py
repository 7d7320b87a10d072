"""The rules of a QPU's queue a second time: as naive as can be, from the rules and not the code.

Two lists, of jobs and of workloads, and everything is found by looking through them again at every
step: no queues, no locks, nothing that is remembered beside the facts. Announcements are left out.
"""

from functools import partial
from itertools import count
from math import inf
from types import SimpleNamespace

from qiskit_modes.scheduling.job import RAN_TOO_LONG, Cancelled, Completed, Failed, Fault
from qiskit_modes.scheduling.ledger import ROUNDING_SECONDS

UNFINISHED = ("queued", "compiling", "ready", "executing", "post-processing", "abandoning")
IN_LANE = UNFINISHED[1:]
CUT_OFF, CANCELLED = Failed(Fault.USER, "cut off"), Cancelled("cancelled")


class Books:
    """What the models of several QPUs share: what was charged, and who they are."""

    def __init__(self):
        self.charges, self.models, self.changed = [], [], {}
        self.touched = {}
        """When the usage of each instance last changed otherwise than by time."""

    def current(self, instance):
        return self.changed.get(instance.id, instance)


class ReferenceModel:
    """What a scheduler with ``lanes`` lanes has to do; `handle` returns what it has to ask for.

    An instruction is a tuple: the name of what is asked for, and for what.
    """

    def __init__(self, lanes, books=None):
        self.lanes, self.jobs, self.workloads = lanes, [], []
        self.books = books or Books()
        self.books.models.append(self)
        self.calibrations, self.calibration_ends, self.draining = [], None, None
        self.maintained_until, self.maintenances = 0.0, []
        self.at_limit = set()
        self.asked, self.order, self.now = [], count(), 0.0

    def handle(self, event, now):
        slack = 0.0 if type(event).__name__ == "TimePassed" else ROUNDING_SECONDS
        for turn in count():
            due = self.next_moment(now, slack)
            if not due:
                break
            assert turn < 10_000, "the model goes round in circles"
            self.now = max(self.now, due[0])
            self.forget_limits()
            due[1]()
            self.start_what_can_start()
        self.now = now
        self.forget_limits()
        getattr(self, type(event).__name__)(**vars(event))
        self.start_what_can_start()
        self.forget_limits()
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
        timers = [*self.stops(), *self.timers()]
        return min(timers, key=lambda timer: timer[0], default=None)

    def next_moment(self, now, slack):
        """What is due, or when usage changes; what is at its very limit may end at it."""
        moments = [(at, lambda: None) for at in self.leaving()]
        moments += [stop for stop in self.stops() if stop[0] + slack <= now]
        moments += self.timers()
        due = [moment for moment in moments if moment[0] <= now]
        return min(due, key=lambda moment: moment[0], default=None)

    def leaving(self):
        for each in self.instances():
            for _, at, _ in self.charged(each):
                yield at + (self.books.current(each).plan.window_seconds or inf)

    def stops(self):
        for job in self.those("executing"):
            yield job.got_qpu + job.limit, partial(self.end_early, job, RAN_TOO_LONG)
        for each in self.instances():
            comes_next = self.draining is not None and self.draining.instance == each
            if (each.plan.stops_at_limit or comes_next) and each.id not in self.at_limit:
                counts = self.books.current(each).plan.running_usage_counts
                running = len(self.running(each)) if counts else 0
                since = max(self.now, self.books.touched.get(each.id, 0.0))
                left = self.left(each, since)
                if left == 0.0:
                    yield since, partial(self.exhaust, each)
                elif running and left < inf:
                    yield since + left / running, partial(self.exhaust, each)

    def timers(self):
        if self.maintained_until > self.now:
            yield self.maintained_until, lambda: None
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
                    yield w.idle_since + w.idle_ttl, partial(self.leave, w, "inactive")
                if w.state == "open":
                    yield w.idle_since + plan.unused_ttl_seconds, partial(self.stop, w, CUT_OFF)
        for job in self.those("queued"):
            going_on = job.workload is not None and job.workload.state == "active"
            charges = self.charged(job.instance)
            if self.is_limited(job.instance) and not going_on and charges:
                window = self.books.current(job.instance).plan.window_seconds
                if window is not None:
                    yield charges[0][1] + window, lambda: None

    # -- usage: what was charged within the window, and what runs ------------------------------

    def instances(self):
        """Those of which anything here has not ended."""
        here = self.those(*UNFINISHED) + [w for w in self.workloads if w.state != "closed"]
        return list({each.instance.id: each.instance for each in here}.values())

    def charged(self, instance):
        window = self.books.current(instance).plan.window_seconds or inf
        charges = [c for c in self.books.charges if c[0] == instance.id]
        return [c for c in charges if c[1] + window > self.now]

    def running(self, instance):
        """When each thing began that will be charged, on any QPU, and goes on."""
        return [since for since, until in self.meters(instance) if until is None]

    def meters(self, instance):
        for model in self.books.models:
            for job in model.those("executing", "post-processing", "abandoning"):
                in_session = job.workload is not None and job.workload.mode == "session"
                if job.instance.id == instance.id and job.got_qpu is not None and not in_session:
                    yield job.got_qpu, job.gave_qpu
            session = model.active_session()
            if session and session.instance.id == instance.id:
                yield session.story[-1][1], None

    def charge(self, instance, seconds):
        if seconds:
            self.books.charges.append((instance.id, self.now, seconds))

    def used(self, instance, now=None):
        now = self.now if now is None else now
        used = sum(seconds for _, _, seconds in self.charged(instance))
        if self.books.current(instance).plan.running_usage_counts:
            for since, until in self.meters(instance):
                used += (now if until is None else until) - since
        return used

    def left(self, instance, now=None):
        limit = self.books.current(instance).limit
        return inf if limit is None else max(limit - self.used(instance, now), 0.0)

    def touch(self, instance):
        self.books.touched[instance.id] = self.now

    def is_limited(self, instance):
        return self.left(instance) == 0.0

    def share(self, instance):
        charged = sum(seconds for _, _, seconds in self.charged(instance))
        return charged / instance.allocation if instance.allocation else 0.0

    def forget_limits(self):
        here = {each.id for each in self.instances() if self.is_limited(each)}
        self.at_limit &= here

    def arrives(self, instance):
        """What comes when its limit has been reached is accepted, and waits."""
        known = {each.id for each in self.instances()}
        if instance.id not in known and self.is_limited(instance):
            self.at_limit.add(instance.id)

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
            self.touch(job.instance)
            self.asked.append(("Execute", job.id))

    def next_job(self):
        if len(self.those(*IN_LANE)) == self.lanes:
            return None
        if session := self.active_session():
            queued = [] if session.yields else self.those("queued", workload=session)
            return next(iter(queued), None)
        if self.draining and (
            not self.those("queued", workload=self.draining)
            or self.is_limited(self.draining.instance)
        ):
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
        if self.those(*IN_LANE) or not self.qpu_is_free():
            return None
        session, self.draining = self.draining, None
        self.enter(session, "active")
        self.touch(session.instance)
        return self.those("queued", workload=session)[0]

    # -- how things end ------------------------------------------------------------------------

    def enter(self, w, state):
        w.state, w.yields = state, False
        w.story.append((state, self.now))

    def leave(self, w, state):
        was_active = w.state == "active" and w.mode == "session"
        if was_active:
            self.charge(w.instance, self.now - w.story[-1][1])
            self.touch(w.instance)
        self.enter(w, state)
        while was_active and self.maintenances:
            self.begin_maintenance(self.maintenances.pop())

    def stop(self, w, drop=None):
        w.accepts = False
        for job in self.those("queued", workload=w) if drop else []:
            self.end(job, drop)
        self.rest(w)

    def exhaust(self, instance):
        self.at_limit.add(instance.id)
        if not instance.plan.stops_at_limit:
            return
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
        self.touch(job.instance)
        charged = 0.0 if job.got_qpu is None else job.gave_qpu - job.got_qpu
        if isinstance(job.outcome, Failed) and job.outcome.fault is Fault.SYSTEM:
            charged = 0.0
        w = job.workload
        if w is None or w.mode == "batch":
            self.charge(job.instance, charged)
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
        instance = self.books.current(instance)
        plan = instance.plan
        if mode == "session" and not plan.sessions_allowed:
            self.asked.append(("Refuse", workload_id, "PLAN"))
        elif max_ttl_seconds is not None and not 0 <= max_ttl_seconds <= plan.max_ttl_seconds:
            self.asked.append(("Refuse", workload_id, "LIMIT"))
        else:
            self.arrives(instance)
            kind = "session" if mode == "session" else "batch"
            ttl = max_ttl_seconds or plan.max_ttl_seconds
            idle_ttl = getattr(plan, f"{kind}_interactive_ttl_seconds")
            if not plan.interactive_ttl_may_exceed_max_ttl:
                idle_ttl = min(idle_ttl, ttl)
            self.workloads.append(
                SimpleNamespace(
                    id=workload_id, number=next(self.order), mode=mode, instance=instance,
                    ttl=ttl, idle_ttl=idle_ttl, state="open", accepts=True,
                    idle_since=self.now, story=[("open", self.now)], started=None, completed=None,
                    job_seconds=0.0, yields=False,
                )
            )  # fmt: skip

    def WorkloadClosed(self, workload_id):  # noqa: N802
        self.stop(self.workload(workload_id))

    def WorkloadCancelled(self, workload_id):  # noqa: N802
        self.stop(self.workload(workload_id), CANCELLED)

    def JobSubmitted(self, job_id, instance, workload_id, max_execution_seconds):  # noqa: N802
        instance = self.books.current(instance)
        plan, limit, w = instance.plan, max_execution_seconds, self.workload(workload_id)
        mine = [job for job in self.jobs if job.instance.id == instance.id]
        unfinished = [job for job in mine if job.state in UNFINISHED]
        last_minute = [job for job in mine if job.submitted > self.now - 60]
        if w is not None and not w.accepts:
            self.asked.append(("Refuse", job_id, "NOT_ACCEPTING"))
        elif w is not None and limit is not None and limit > w.ttl:
            self.asked.append(("Refuse", job_id, "LIMIT"))
        elif (
            len(unfinished) == plan.max_pending_jobs
            or len(last_minute) == plan.max_submissions_per_minute
        ):
            self.asked.append(("Refuse", job_id, "BUSY"))
        else:
            self.arrives(instance)
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
            self.touch(job.instance)
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
        session = self.active_session()
        if session is None or session.instance.plan.maintenance_interrupts_sessions:
            self.begin_maintenance(duration_seconds)
        else:
            self.maintenances.append(duration_seconds)

    def begin_maintenance(self, seconds):
        self.maintained_until = max(self.maintained_until, self.now + seconds)

    def WorkloadExpired(self, workload_id):  # noqa: N802
        if (w := self.workload(workload_id)).state != "closed":
            self.stop(w, CUT_OFF)

    def InstanceChanged(self, instance):  # noqa: N802
        self.books.changed[instance.id] = instance
        self.touch(instance)
        for each in self.those(*UNFINISHED) + [w for w in self.workloads if w.state != "closed"]:
            if each.instance.id == instance.id:
                if instance.plan.stops_at_limit and not each.instance.plan.stops_at_limit:
                    self.at_limit.discard(instance.id)  # it was told so by a plan that goes on
                each.instance = instance
        session = self.active_session()
        if session is None or session.instance.plan.maintenance_interrupts_sessions:
            while self.maintenances:
                self.begin_maintenance(self.maintenances.pop())

    def UsageChanged(self, instance_id):  # noqa: N802
        pass

    def TimePassed(self):  # noqa: N802
        pass
