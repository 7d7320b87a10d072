"""The page for people: what it shows, to whom, and that it comes from nowhere else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from qiskit import QuantumCircuit

from qiskit_modes import Batch, Instance, LocalService, Plan, SamplerV2, Session
from qiskit_modes.server import Server, serve
from qiskit_modes.testing import Scenario
from tests.server.asking import Answer, answering, ask

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
EVIL = "<script>alert(1)</script>"


@dataclass
class Lab:
    """A server with a token; a session has a QPU, and others wait for it."""

    scenario: Scenario
    server: Server
    session: Session
    waiting: list
    done: object

    def __call__(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        return ask(self.server.port, method, path, body, headers)

    @property
    def cookie(self) -> str:
        answer = self("POST", "/ui/signin", "token=sesame")
        assert (answer.status, answer.headers["location"]) == (303, "/ui")
        return answer.headers["set-cookie"].partition(";")[0]


def run(mode: object, count: int, *tags: str) -> list:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    sampler = SamplerV2(mode)
    sampler.options.environment.job_tags = list(tags)
    return [sampler.run([circuit]) for _ in range(count)]


@pytest.fixture
def lab(recwarn: pytest.WarningsRecorder) -> Iterator[Lab]:
    instances = [Instance("chemistry", Plan("premium", allocation_seconds=600)), Instance("course")]
    with Scenario(autojump=False, quantum_time=5, instance=instances[0]) as scenario:
        services = [LocalService(instance=each, runtime=scenario.runtime) for each in instances]
        session = Session(services[0].backend("ibm_manila"), max_time="2h")
        (done,) = run(session, 1, "vqe", EVIL)
        scenario.clock.advance(10)
        batch = Batch(services[1].backend("ibm_manila"))
        waiting = [*run(batch, 2, "lesson"), *run(services[1].backend("ibm_manila"), 1)]
        scenario.clock.advance(10)
        with serve(
            runtime=scenario.runtime,
            instances=instances,
            backends=["ibm_manila", "ibm_quito"],
            token="sesame",
        ) as server:
            yield Lab(scenario, server, session, waiting, done)


def pages(lab: Lab) -> list[str]:
    return [
        *("/ui", "/ui?mode=session&state=active&text=vqe", "/ui/qpus", "/ui/instances"),
        *("/ui/workers", f"/ui/workloads/{lab.session.session_id}"),
        *(f"/ui/jobs/{job.job_id()}" for job in (lab.done, *lab.waiting[1:])),
    ]


def test_every_page_is_whole_and_comes_from_here_alone(lab):
    for path in [*pages(lab), "/ui/signin"]:
        answer = lab("GET", path, Cookie=lab.cookie)
        assert answer.status == 200, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for address in re.findall(r"(?:href|src|action)=\"([^\"]*)", answer.text):
            assert address.startswith(("/ui", "#", "?mode=")), address
        assert EVIL not in answer.text, "what users write is text"
        assert " style=" not in answer.text


def test_what_is_said_of_a_reservation(lab):
    text = lab("GET", "/ui/qpus", Cookie=lab.cookie).text
    name = lab.session.session_id.partition("-")[0]
    assert f"Session {name} of chemistry has this QPU to itself; 3 jobs wait." in text
    assert "It is idle: without another job it gives way in 0:45." in text
    assert text.count(f"because session {name} has the QPU for itself") == 2
    assert "1:59:40 at most, 0:45 if it stays idle" in text
    assert "ibm_quito" in text, "others are free"


def test_what_there_is_not_is_said(lab):
    for path in ("/ui/jobs/none", "/ui/workloads/none"):
        answer = lab("GET", path, Cookie=lab.cookie)
        assert answer.status == 404
        assert "Not found" in answer.text


def test_who_has_no_token_is_led_to_the_way_in(lab):
    for path in [*pages(lab), "/ui/live?of=qpus"]:
        answer = lab("GET", path)
        found = answer.status, answer.headers["location"], answer.text
        assert found == (303, "/ui/signin", ""), path
    refused = lab("POST", "/ui/signin", "token=open")
    assert refused.status == 403
    assert "not a token" in refused.text
    assert lab("GET", "/").status == 303
    assert lab("GET", "/ui/static/style.css").status == 200
    assert lab("GET", "/ui/static/../routes.py").status == 404


def test_the_cookie_opens_the_page_and_nothing_else(lab):
    assert lab("GET", "/ui", Cookie=lab.cookie).status == 200
    assert lab("GET", "/ui", Cookie="qiskit_modes=x").status == 303
    assert lab("GET", "/experimental/backends", Cookie=lab.cookie).status == 401
    cookie = lab("POST", "/ui/signin", "token=sesame").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/ui"} <= set(cookie.split("; "))
    signed_out = lab("POST", "/ui/signout", Cookie=lab.cookie)
    assert 'qiskit_modes=""' in signed_out.headers["set-cookie"]


def test_pages_of_others_can_end_nothing(lab):
    path = f"/ui/jobs/{lab.waiting[0].job_id()}/cancel"
    assert lab("POST", path, Cookie=lab.cookie, Origin="https://example.org").status == 403
    assert lab.waiting[0].status() == "QUEUED"
    own = f"http://{lab.server.host}:{lab.server.port}"
    assert lab("POST", path, Cookie=lab.cookie, Origin=own).status == 303
    assert lab.waiting[0].status() == "CANCELLED"
    assert lab("POST", path, Cookie=lab.cookie, Origin=own).status == 303, "it has ended already"
    interface = lab("GET", "/experimental/backends", Origin=own)
    assert interface.status == 403, "it has no pages"


def test_a_session_is_closed_and_cancelled(lab):
    path = f"/ui/workloads/{lab.session.session_id}"
    assert lab("POST", f"{path}/open", Cookie=lab.cookie).status == 404
    assert lab("POST", f"{path}/close", Cookie=lab.cookie).status == 303
    assert lab.session.status() == "Closed"
    assert lab.waiting[0].status() == "RUNNING", "who waited has it"


def test_filters(lab):
    def shown(**query: str) -> int:
        return lab("GET", f"/ui?{urlencode(query)}", Cookie=lab.cookie).text.count("<tr") - 1

    assert shown() == 3
    assert shown(mode="batch") == shown(instance="chemistry") == shown(text="LESSON") == 1
    assert shown(qpu="ibm_manila", state="open ones") == 3
    assert shown(state="done") == shown(text="nobody") == -1, "there is no table"
    assert shown(page="999999999999") == shown(page="x") == 3


def test_a_server_that_ends_lets_go_who_looks(caplog):
    with ExitStack() as stack:
        with Scenario() as scenario, serve(runtime=scenario.runtime) as server:
            answer = stack.enter_context(answering(server.port, "GET", "/ui/live?of=qpus"))
            assert answer.readline().startswith(b"data: ")
        assert answer.read() == b"\n", "it was told to the end: what breaks off raises"
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_pages_that_are_looked_at_are_counted(lab):
    page, cookie = "/ui/live?of=workers", {"Cookie": lab.cookie}
    with ExitStack() as stack:
        for _ in range(41):
            answer = stack.enter_context(answering(lab.server.port, "GET", page, headers=cookie))
            if answer.status == 200:
                answer.readline()
        assert answer.status == 429
    assert lab("GET", "/ui", **cookie).status == 200


# -- in a browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed on this machine")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def look(lab, browser) -> Iterator[object]:
    """A page of the browser that has signed in by a link, and asks nobody else."""
    with closing(browser.new_context()) as context:
        asked, errors = [], []
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{lab.server.url}/ui/signin#sesame")
        page.wait_for_url("**/ui")
        yield page
        assert all(url.startswith(f"{lab.server.url}/ui") for url in asked), asked
        assert not errors


PLACES = """() => {
  const of = (what) => document.querySelector(what).getBoundingClientRect();
  return {
    said: document.querySelector(".headline").textContent,
    headline: of(".headline").bottom,
    waits: of(".columns section:last-child h3").top,
    ink: getComputedStyle(document.querySelector(".headline")).color,
    paper: getComputedStyle(document.body).backgroundColor,
  };
}"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_a_reservation_is_seen_at_once_on_every_screen(lab, look):
    name = lab.session.session_id.partition("-")[0]
    for width, height in ((1440, 900), (820, 1100), (390, 844)):
        look.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            look.emulate_media(color_scheme=scheme)
            look.goto(f"{lab.server.url}/ui/qpus")
            seen = look.evaluate(PLACES)
            assert seen["said"].startswith(f"Session {name} of chemistry has this QPU to itself")
            assert seen["headline"] < height / 2, "it is what one sees first"
            assert seen["waits"] < height, "without scrolling"
            assert (brightness(seen["ink"]) < brightness(seen["paper"])) == (scheme == "light")
            assert look.evaluate(TOO_WIDE) == 0


@pytest.mark.parametrize("width", [390, 820])
def test_every_page_fits(lab, look, width):
    look.set_viewport_size({"width": width, "height": 800})
    for path in pages(lab):
        look.goto(lab.server.url + path)
        assert look.evaluate(TOO_WIDE) == 0, path


def brightness(colour: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3]))


def test_it_is_seen_while_it_happens(lab, look):
    from playwright.sync_api import expect

    look.goto(f"{lab.server.url}/ui/qpus")
    expect(look.locator("#pulse")).to_have_attribute("data-state", "on")
    expect(look.locator(".qpu-card .headline").first).to_contain_text("has this QPU to itself")
    lab.scenario.clock.advance(46)  # it stays idle, and gives way
    expect(look.locator(".qpu-card .headline").first).to_contain_text("nobody has it reserved")
    expect(look.locator("svg.lane rect.band")).not_to_have_count(0)


def open_live(lab, look, path):
    """Go to a page, and wait until it has been renewed for the first time; return its part."""
    from playwright.sync_api import expect

    look.goto(lab.server.url + path)
    part = look.locator("#part")
    expect(part).to_have_attribute("data-renewals", "1")
    return part


def pass_a_second(lab, part):
    """Let time pass, and wait until the page has been renewed."""
    from playwright.sync_api import expect

    lab.scenario.clock.advance(1)
    expect(part).to_have_attribute("data-renewals", "2")


def test_a_job_is_cancelled_with_the_keyboard(lab, look):
    part = open_live(lab, look, "/ui?mode=job")
    look.once("dialog", lambda dialog: dialog.accept())
    look.get_by_role("button", name="Cancel job").focus()
    pass_a_second(lab, part)
    look.keyboard.press("Enter")
    look.wait_for_url("**/ui/jobs/**")
    assert lab.waiting[2].status() == "CANCELLED"


def test_what_somebody_is_at_stays(lab, look):
    part = open_live(lab, look, "/ui")
    look.get_by_label("Id or tag").fill("less")
    pass_a_second(lab, part)
    assert look.get_by_label("Id or tag").input_value() == "less"
    look.keyboard.press("Enter")
    look.wait_for_url("**text=less**")
    assert look.locator("tbody tr").count() == 1


RENEWED = """() => {
  // The page a moment later: everything counts on, and in each list something has come and gone.
  const later = document.createElement("template");
  later.innerHTML = part.innerHTML;
  const all = (what) => [...later.content.querySelectorAll(what)];
  for (const first of all("[data-key]:first-of-type, option:nth-of-type(2)")) {
    const come = first.cloneNode(true);
    for (const each of [come, ...come.querySelectorAll("*")]) {
      if (each.id) each.id += "-new";
      if (each.dataset.key) each.dataset.key += "-new";
      if (each.hasAttribute("href")) each.setAttribute("href", each.getAttribute("href") + "-new");
    }
    if (come.nodeName === "OPTION") come.textContent += "-new";
    first.before(come);
  }
  for (const each of all("small, .num, time, .ends b, dd, .chip")) each.textContent += " later";
  return later.innerHTML;
}"""

KEPT = """(later) => {
  for (const each of part.querySelectorAll("details")) each.open = true;
  const now = part.innerHTML, lost = [];
  const at = part.querySelectorAll("a, button, select, input, summary, [tabindex]");
  for (const each of at) {
    for (const text of [later, now]) {
      each.focus();
      if (document.activeElement !== each) lost.push(["never had", each.outerHTML]);
      replace(text);
      if (document.activeElement !== each) lost.push([each.isConnected, each.outerHTML]);
    }
  }
  return [at.length, lost, part.innerHTML === now];
}"""


def test_the_focus_stays_wherever_it_is(lab, look):
    for path in pages(lab):
        open_live(lab, look, path)
        later = look.evaluate(RENEWED)
        count, lost, is_itself = look.evaluate(KEPT, later)
        assert lost == [], path
        assert count or "workers" in path or "instances" in path, path
        assert is_itself, "it shows what it was told, nothing more"


USED = """() => {
  const scroll = part.querySelector(".scroll"), unfolded = part.querySelectorAll("details");
  for (const each of unfolded) each.open = true;
  const choice = part.querySelector("select");
  if (choice) choice.selectedIndex = 2;
  const text = part.querySelector("input");
  if (text) { text.value = "typed"; text.focus(); text.setSelectionRange(1, 3); }
  const long = part.querySelector("details pre");
  if (long) { long.textContent += "\\n".repeat(200); long.scrollTop = 15; }
  if (scroll) scroll.scrollLeft = 30;
  scrollTo(0, 40);
  return () => [
    scroll?.scrollLeft, long?.scrollTop, [...unfolded].map((each) => each.open), scrollY,
    choice?.value, text?.value, text?.selectionStart, text?.selectionEnd,
  ];
}"""


def test_what_is_typed_chosen_unfolded_and_scrolled_stays(lab, look):
    look.set_viewport_size({"width": 390, "height": 300})
    for path in pages(lab):
        open_live(lab, look, path)
        used = look.evaluate_handle(USED)
        before = look.evaluate("(used) => used()", used)
        later = look.evaluate(RENEWED)
        look.evaluate("(later) => replace(later)", later)
        assert look.evaluate("(used) => used()", used) == before, path
        assert look.evaluate("part.textContent.includes('later')"), path


def test_what_is_selected_stays_until_it_is_let_go(lab, look):
    open_live(lab, look, f"/ui/jobs/{lab.done.job_id()}")
    look.evaluate("getSelection().selectAllChildren(document.querySelector('.mono'))")
    look.evaluate("(later) => replace(later)", look.evaluate(RENEWED))
    assert look.evaluate("String(getSelection())") == lab.done.job_id()
    assert not look.evaluate("part.textContent.includes('later')")
    look.evaluate("getSelection().removeAllRanges()")
    look.wait_for_selector("text=later")
