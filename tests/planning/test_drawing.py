"""Timelines: what is drawn where, and the files that hold it."""

import itertools
import json
import pickle
import shutil
from types import SimpleNamespace

import plotly.graph_objects as go
import pytest
from qiskit_aer import AerSimulator

from qiskit_modes import Batch, LocalService, SamplerV2, Session, record
from qiskit_modes.exceptions import InvalidInputError, QiskitModesError
from qiskit_modes.planning import chrome_trace, draw_timeline, save_chrome_trace
from qiskit_modes.planning.draw.palette import owner_colours, tint
from qiskit_modes.planning.draw.timeline import make_timeline
from qiskit_modes.testing import Scenario


@pytest.fixture
def scenario():
    with Scenario(compile_time=6, quantum_time=3, post_process_time=2) as scenario:
        yield scenario


@pytest.fixture
def session(scenario, backend, circuit):
    """A session that waits for somebody, whom others wait for in turn; and its recording."""
    tenant = scenario.tenant("somebody", backend)
    with record() as recorder:
        for at in (0, 9, 12):
            tenant.job(at=at, compile_time=3, quantum_time=4)
        scenario.clock.advance(1)
        with Session(backend) as session:
            for _ in range(4):
                SamplerV2().run([circuit]).result()
                scenario.clock.advance(4)
        scenario.clock.advance(30)
    return session, recorder.recording()


def traces(figure):
    """All bars of a figure, as (start, end, height of the bar, words)."""
    return [
        (base, round(base + x, 9), width, words)
        for trace in figure.data
        if trace.type == "bar"
        for base, x, width, words in zip(
            trace.base, trace.x, trace.width, trace.hovertext, strict=True
        )
    ]


def crosses(figure):
    """Where crosses are, as (time, place, words)."""
    return [
        each
        for trace in figure.data
        if trace.type == "scatter"
        for each in zip(trace.x, trace.y, trace.hovertext, strict=True)
    ]


def words_of(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def test_a_session_and_all_around_it(session):
    timeline = make_timeline(session[1])
    assert (timeline.qpu, timeline.lanes) == ("aer_simulator", 5)
    assert timeline.owners == ["session", "somebody"]
    assert [(each.owner, each.start, each.end) for each in timeline.reservations] == [
        ("session", 7, 67)
    ]
    first = next(bar for bar in timeline.jobs if bar.is_mine)
    assert first.queued == (1, 7)
    assert [(part.step, part.start, part.end) for part in first.segments] == [
        ("compile", 7, 13),
        ("execute", 13, 16),
        ("post_process", 16, 18),
    ]
    assert (first.on_qpu, first.lane, first.label) == ((13, 16), 0, "sampler 1")
    waiting = [bar.row for bar in timeline.jobs if bar.owner == "somebody" and bar.queued[1] == 67]
    assert sorted(waiting) == [0, 1]
    assert timeline.waiting_rows == 2


@pytest.mark.parametrize(("seconds", "line"), [(3.0, 1), (0.01, 0)])
def test_a_line_around_bars_never_hides_them(scenario, backend, circuit, seconds, line):
    scenario.jobs_last(compile_time=6, quantum_time=seconds)
    for _ in range(2):
        SamplerV2(backend).run([circuit]).result()
    on_qpu = [
        trace
        for trace in LocalService().draw().data
        if any("has the QPU" in words for words in trace.hovertext)
    ]
    assert [trace.marker.line.width for trace in on_qpu] == [line]


def test_lanes_are_never_shared(scenario, backend, circuit):
    with record() as recorder:
        with Batch(backend):
            jobs = [SamplerV2().run([circuit]) for _ in range(12)]
        for job in jobs:
            job.wait_for_final_state()
    timeline = make_timeline(recorder.recording())
    assert {bar.lane for bar in timeline.jobs} == {0, 1, 2, 3, 4}
    for lane in range(5):
        spans = sorted(
            (bar.segments[0].start, bar.segments[-1].end)
            for bar in timeline.jobs
            if bar.lane == lane
        )
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    waits = [part for bar in timeline.jobs for part in bar.segments if part.step == "wait"]
    assert len(waits) == 11
    assert timeline.waiting_rows == 7


def test_a_job_that_was_stopped_on_the_qpu_has_it_to_the_end(scenario, backend, circuit):
    with record() as recorder:
        job = SamplerV2(backend).run([circuit])
        scenario.clock.advance(7)
        job.cancel()
        scenario.clock.settle()
        waiting = [SamplerV2(backend).run([circuit]) for _ in range(6)]
        scenario.clock.advance(1)
        waiting[5].cancel()
        waiting[0].cancel()
    stopped, compiling, *_, queued = make_timeline(recorder.recording()).jobs
    assert stopped.on_qpu == (6, 7)
    assert compiling.on_qpu is None
    assert (queued.lane, queued.segments) == (None, ())


def test_the_figure_shows_every_interval_once(session):
    figure = draw_timeline(session[1])
    bars = traces(figure)
    on_qpu = [bar for bar in bars if "has the QPU for" in bar[3]]
    assert len(on_qpu) == 7
    assert (13, 16) in [bar[:2] for bar in on_qpu]
    assert (7, 13, 0.72, "sampler 1 of session: compiled for 6 s") in bars
    assert (1, 7, 0.3, "sampler 1: waits 6 s in the queue") in bars
    (window,) = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (window.x0, window.x1) == (7, 67)
    assert "<b>session has the QPU for itself: 60 s charged</b>" in words_of(figure)
    assert "4 jobs in a session on aer_simulator" in figure.layout.title.text
    assert "12 s on the QPU · 60 s charged" in figure.layout.title.text
    assert figure.layout.xaxis.title.text == "seconds"
    assert list(figure.layout.yaxis.ticktext)[-1] == "<b>QPU</b>"


def test_a_session_draws_itself_and_what_waited_for_it(session):
    drawn, _ = session
    figure = drawn.draw(title="My session")
    assert "<b>My session</b>" in figure.layout.title.text
    waits = [words for *_, words in traces(figure) if "in the queue" in words]
    assert len(waits) == 3


def test_a_batch_draws_itself_but_nothing_far_away(scenario, backend, circuit):
    SamplerV2(backend).run([circuit]).result()
    scenario.clock.advance("1h")
    with Batch(backend) as batch:
        job = SamplerV2().run([circuit])
    job.result()
    scenario.clock.advance("1h")
    SamplerV2(backend).run([circuit]).result()
    bars = traces(batch.draw())
    assert len([bar for bar in bars if "has the QPU" in bar[3]]) == 1


def test_a_service_draws_a_qpu(session, backend, circuit):
    service = LocalService()
    everything = traces(service.draw())
    assert everything == traces(service.draw(backend))
    other = AerSimulator()
    SamplerV2(other).run([circuit]).result()
    assert len(traces(service.draw(other))) == 4


def test_of_several_qpus_one_is_drawn(scenario, circuit):
    with record() as recorder:
        for backend in (AerSimulator(), AerSimulator()):
            SamplerV2(backend).run([circuit]).result()
    recording = recorder.recording()
    assert make_timeline(recording, "aer_simulator (2)").start == 11
    with pytest.raises(InvalidInputError, match=r"no job ran on 'fake_torino'; there are jobs on"):
        draw_timeline(recording, qpu="fake_torino")


def test_nothing_cannot_be_drawn(scenario, backend):
    with pytest.raises(InvalidInputError, match="no jobs to draw"):
        LocalService().draw()
    session = Session(backend)
    with pytest.raises(InvalidInputError, match=r"nothing to draw yet: session .* has had no job"):
        session.draw()
    session.close()


def test_calibrations_and_units(scenario, backend, circuit):
    scenario.calibration(backend, at=2, lasts="20m")
    with record() as recorder:
        SamplerV2(backend).run([circuit]).result()
    figure = draw_timeline(recorder.recording())
    assert any(bar[3] == "calibration: 20 min" for bar in traces(figure))
    assert "calibration" in words_of(figure)
    assert figure.layout.xaxis.title.text == "minutes"


def test_many_jobs_have_no_labels_and_few_traces(scenario, backend, circuit):
    with record() as recorder, Session(backend):
        for _ in range(100):
            SamplerV2().run([circuit]).result()
    figure = draw_timeline(recorder.recording())
    assert len(figure.data) < 8
    assert len(figure.layout.annotations) == 2


def key_of(figure):
    return figure.layout.annotations[-1].text


def test_how_jobs_ended_that_did_not_complete(scenario, backend, circuit):
    scenario.job_fails(3, error=ValueError("no luck"))
    with Batch(backend) as batch:
        jobs = [SamplerV2().run([circuit]) for _ in range(7)]
    jobs[5].cancel()
    scenario.clock.advance(7)
    jobs[1].cancel()
    for job in jobs:
        job.wait_for_final_state()
    figure = batch.draw()
    cancelled, failed, queued = crosses(figure)
    assert cancelled[0] == 7
    assert cancelled[2] == "sampler 2 of batch: cancelled: it was cancelled by its user"
    assert failed[0] == 12
    assert failed[2] == "sampler 3 of batch: failed: ValueError: no luck"
    assert (queued[0], queued[1] < 1) == (0, True)
    words = words_of(figure)
    # In lane 1 the next job begins at once: there is no room beside the cross.
    assert "sampler 2: cancelled" in words
    assert words.count("cancelled") == words.count("failed") == 1
    assert "did not complete" in key_of(figure)
    assert "in the queue" in key_of(figure)
    assert "2 cancelled · 1 failed" in figure.layout.title.text


def test_where_all_is_well_there_are_no_crosses(session):
    figure = draw_timeline(session[1])
    assert crosses(figure) == []
    assert "did not complete" not in key_of(figure)


def test_a_row_is_left_to_the_words_beside_what_ended_in_the_queue(scenario, backend, circuit):
    with Batch(backend) as batch:
        jobs = [SamplerV2().run([circuit]) for _ in range(8)]
    for job in jobs[6:]:
        job.cancel()
    jobs[5].result()
    rows = {(bar[1], bar[2]) for bar in crosses(batch.draw())}
    assert len(rows) == 2


def test_a_maximum_time_is_a_line_where_it_ended_something(scenario, backend, circuit):
    with Batch(backend, max_time=12) as batch:
        jobs = [SamplerV2().run([circuit]) for _ in range(9)]
    for job in jobs:
        job.wait_for_final_state()
    figure = batch.draw()
    (limit,) = [each for each in figure.layout.shapes if each.line.dash]
    assert (limit.x0, limit.x1) == (12, 12)
    assert "max_time of batch: 12 s" in words_of(figure)
    assert [at for at, *_ in crosses(figure)] == [12, 12, 12]
    assert words_of(figure).count("out of time") == 3
    assert "3 out of time" in figure.layout.title.text


@pytest.mark.parametrize(("max_time", "lines"), [(20, 1), (200, 0)])
def test_a_maximum_time_that_ended_nothing_is_no_line(scenario, backend, circuit, max_time, lines):
    with Session(backend, max_time=max_time) as session:
        SamplerV2().run([circuit]).result()
        scenario.clock.advance(30)
    figure = session.draw()
    assert len([each for each in figure.layout.shapes if each.line.dash]) == lines


def test_a_job_that_ran_too_long_says_so(scenario, backend, circuit):
    options = {"max_execution_time": 2}
    job = SamplerV2(backend, options=options).run([circuit])
    job.wait_for_final_state()
    assert "ran too long" in words_of(LocalService().draw())


def test_the_axis_reaches_the_end_of_a_session(scenario, backend, circuit):
    with record() as recorder, Session(backend) as session:
        SamplerV2().run([circuit]).result()
        scenario.clock.advance(40)
        session.close()
    for figure in (session.draw(), draw_timeline(recorder.recording())):
        (window,) = [shape for shape in figure.layout.shapes if shape.type == "rect"]
        assert window.x1 == 51
        assert figure.layout.xaxis.range[1] > 51


def test_bars_that_run_together_on_the_qpu_say_how_many_they_are(scenario, backend, circuit):
    scenario.jobs_last(compile_time=20, quantum_time=0.1)
    with Batch(backend) as batch:
        jobs = [SamplerV2().run([circuit]) for _ in range(5)]
    for job in jobs:
        job.result()
    (label,) = [each for each in batch.draw().layout.annotations if each.text == "5 jobs"]
    assert label.textangle == -90  # the bar is too narrow for it
    scenario.jobs_last(compile_time=6, quantum_time=0.3)
    with Batch(backend) as batch:
        jobs = [SamplerV2().run([circuit]) for _ in range(12)]
    for job in jobs:
        job.result()
    labels = [each for each in batch.draw().layout.annotations if each.text.endswith("jobs")]
    assert [(each.text, each.textangle) for each in labels[:1]] == [("5 jobs", None)]


def test_what_is_laid_over_one_row_is_counted(scenario, backend, circuit):
    with Batch(backend) as batch:
        jobs = [SamplerV2().run([circuit]) for _ in range(20)]
    for job in jobs:
        job.result()
    assert "8 in the last row" in batch.draw().layout.yaxis.ticktext[0]


def test_html_needs_no_network(session, tmp_path):
    path = tmp_path / "timeline.html"
    draw_timeline(session[1], save=path)
    text = path.read_text()
    assert "4 jobs in a session" in text
    assert "<script src=" not in text


@pytest.mark.skipif(
    not any(map(shutil.which, ("chromium", "google-chrome", "chrome", "chromium-browser"))),
    reason="needs Chrome or Chromium",
)
def test_a_png_file(session, tmp_path):
    pytest.importorskip("kaleido")
    path = tmp_path / "timeline.png"
    draw_timeline(session[1], save=path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_png_file_without_a_browser_says_what_to_do(session, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no browser")

    monkeypatch.setattr(go.Figure, "write_image", fail)
    with pytest.raises(QiskitModesError, match=r"needs kaleido and Chrome.*or save to \.html"):
        draw_timeline(session[1], save=tmp_path / "timeline.png")


def test_other_endings_are_refused(session, tmp_path):
    with pytest.raises(InvalidInputError, match=r"\.html, \.png, \.svg.* or \.json for a trace"):
        draw_timeline(session[1], save=tmp_path / "timeline.docx")


def test_where_there_is_no_directory_is_said(session, tmp_path):
    for name in ("timeline.html", "timeline.png", "timeline.json"):
        path = tmp_path / "nowhere" / name
        with pytest.raises(InvalidInputError, match=f"there is no directory for {path}"):
            session[0].draw(save=path)


def test_a_session_saves_a_trace_too(session, tmp_path):
    path = tmp_path / "trace.json"
    session[0].draw(save=path)
    assert json.loads(path.read_text())["traceEvents"]


def test_a_figure_is_one_line_on_a_terminal(session, capsys, monkeypatch):
    figure = draw_timeline(session[1])
    assert isinstance(figure, go.Figure)
    line = repr(figure)
    assert line.startswith("<Figure: 4 jobs in a session on aer_simulator: 62 s from the first")
    assert "\n" not in line
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: SimpleNamespace())
    figure._ipython_display_()
    assert capsys.readouterr().out == f"{line}\n"
    opened = []
    monkeypatch.setattr(go.Figure, "show", lambda _, **options: opened.append(options))
    figure.show()
    assert opened == [{"renderer": "browser"}]


def test_in_a_notebook_a_figure_is_plotlys_own_or_a_page(session, monkeypatch):
    figure = draw_timeline(session[1])
    notebook = SimpleNamespace(kernel=object())
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: notebook)
    shown = []
    monkeypatch.setattr(go.Figure, "_ipython_display_", lambda _: shown.append("plotly"))
    figure._ipython_display_()
    assert shown == ["plotly"]

    def without_nbformat(_):
        raise ValueError("Mime type rendering requires nbformat>=4.2.0 but it is not installed")

    monkeypatch.setattr(go.Figure, "_ipython_display_", without_nbformat)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    figure._ipython_display_()
    assert "4 jobs in a session" in shown[1]["text/html"]
    assert shown[1]["text/plain"] == repr(figure)


def test_a_figure_can_be_pickled(session):
    figure = draw_timeline(session[1])
    assert pickle.loads(pickle.dumps(figure)) == figure


def test_without_plotly_it_says_what_to_install(session, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    with pytest.raises(QiskitModesError, match=r"pip install qiskit_modes\[visualization\]"):
        session[0].draw()


def test_the_trace_of_chrome(session, tmp_path):
    path = tmp_path / "trace.json"
    save_chrome_trace(session[1], path)
    trace = json.loads(path.read_text())
    assert trace == chrome_trace(session[1])
    events = trace["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    spans = [e for e in events if e["ph"] == "X"]
    by_row = {
        row: [(e["name"], e["ts"], e["dur"]) for e in spans if names[e["tid"]] == row]
        for row in names.values()
    }
    assert by_row["reservation"] == [("session", 7e6, 60e6)]
    assert ("sampler 1 (session)", 13e6, 3e6) in by_row["QPU lock"]
    assert len(by_row["QPU lock"]) == 7
    assert ("compile", 7e6, 6e6) in by_row["lane 1"]
    assert ("sampler 1 (session)", 7e6, 11e6) in by_row["lane 1"]
    assert ("sampler 1 (session)", 1e6, 6e6) in by_row["queue 1"]
    assert {e["pid"] for e in events} == {1}


def test_colours_are_told_apart():
    colours = owner_colours(["a", "b"], ["c"])
    assert len(set(colours.values())) == 3
    assert tint("#000000", 0) == "#ffffff"
    assert tint("#123456", 1) == "#123456"


def test_a_session_is_numbered_only_beside_another_one(scenario, backend, circuit):
    sessions = []
    for _ in range(2):
        with Session(backend) as session:
            SamplerV2().run([circuit]).result()
        sessions.append(session)
        scenario.clock.advance("1h")
    assert "One job in a session" in sessions[1].draw().layout.title.text
    assert "One job in session 1 and one in session 2" in LocalService().draw().layout.title.text
