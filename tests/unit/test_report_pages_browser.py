"""Pages in a browser: nothing goes wrong, nothing is asked for, it fits, it can be read, and it does what it offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.page import plan as plan_page
from pytest_modelbench.report.page import rows
from pytest_modelbench.report.page import session as session_page
from tests.unit.browser import DARK, driven, needs_chromium
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, SESSION, check
from tests.unit.test_report_pages import PLAN

pytestmark = [pytest.mark.slow, needs_chromium]

#: The least contrast of text, by WCAG 2.2 (1.4.3), of all that can be seen; and what has less.
CONTRAST = """
document.querySelectorAll("details").forEach(one => one.open = true);
const light = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(one => one / 255).map(
    one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const back = element => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
};
const found = [];
for (const element of document.querySelectorAll("body *:not(script):not(noscript):not(option):not(title)")) {
  if (![...element.childNodes].some(one => one.nodeType === 3 && one.data.trim())) continue;
  const style = getComputedStyle(element);
  const colours = [element.closest("svg") ? style.fill : style.color, back(element)];
  const [one, other] = colours.map(light).sort((a, b) => b - a);
  const ratio = (one + 0.05) / (other + 0.05);
  if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
}
return {back: getComputedStyle(document.body).backgroundColor, faint: [...new Set(found)]};
"""


def nights(one, bad=()):
    values = [0.1, 0.11, 0.1, 0.5, 0.1]
    found = tuple(
        Night(
            f"s{day}", f"2026-11-0{day + 1}T08:00:00Z", f"{day + 1:040x}"[::-1], value,
            Verdict.REGRESSED if day in bad else Verdict.OK, ratio=value / 0.1, low=value / 0.1 - 0.02,
            high=value / 0.1 + 0.02, allowed=0.05, facts={"torch": "2.14" if day < 2 else "2.15"},
        )
        for day, value in enumerate(values)
    )  # fmt: skip
    return Series(one.folder, *one.key, one.case.id, one.metric.unit, "lower", found)


@pytest.fixture(scope="module", params=[(), (DARK,)], ids=["light", "dark"])
def in_frames(request, tmp_path_factory):
    session = session_page.render(SESSION, history=[nights(SESSION.checks[0])])
    pages = {
        f"{name}-{width}": (page, width, CONTRAST)
        for name, page in (("session", session), ("plan", plan_page.render(PLAN)))
        for width in (360, 1400)
    }
    return bool(request.param), driven(tmp_path_factory.mktemp("pages"), pages, *request.param)


def test_a_page_fits_asks_nobody_and_can_be_read_in_light_and_dark(in_frames):
    dark, told = in_frames
    assert len(told) == 4
    for name, page in told.items():
        assert (page["wrong"], page["asked"]) == ([], 0), name
        assert page["wide"] <= int(name.rpartition("-")[2]), name
        assert page["told"] == {"back": "rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)", "faint": []}, name


#: What a hand does: at each step, what is then on the page.
HAND = """
const $ = css => document.querySelector(css), told = {};
const cases = () => [...document.querySelectorAll("#checks tbody summary")].map(one => one.textContent);
const enter = (field, value) => {
  field.value = value;
  field.dispatchEvent(new Event("input", {bubbles: true}));
};
const count = () => $("form span").textContent;
told.first = [cases().length, count(), !$("#further").hidden];
$("#further button").click();
told.more = [cases().length, count(), !$("#further").hidden];
enter($("[type=search]"), "A|B<c>&* LATENCY");
told.search = cases();
enter($("[type=search]"), "bra<&>");
told.searchFar = cases();
enter($("[type=search]"), "");
told.again = cases().length;
$('th[data-by="share"] button').click();
told.largest = [cases()[0], $('th[aria-sort]').getAttribute("aria-sort")];
$('th[data-by="case"] button').click();
$('th[data-by="case"] button').click();
told.last = [cases()[0], $('th[aria-sort]').getAttribute("aria-sort")];
enter($('select[data-by="metric"]'), "1");
told.metric = cases();
enter($('select[data-by="metric"]'), "");
$('[type=checkbox][value="7"]').click();
told.trouble = cases();
$('[type=checkbox][value="7"]').click();
location.hash = "ADDRESS";
dispatchEvent(new Event("hashchange"));
told.address = [$("#ADDRESS details").open, $("#ADDRESS summary").textContent];
location.hash = "";
$('th[data-by="rank"] button').click();
$("#COURSE details").open = true;
await new Promise(done => setTimeout(done, 50));
const svg = $("#COURSE figure svg"), box = svg.getBoundingClientRect();
const line = () => $("#COURSE .values").getAttribute("d");
const at = night => ({clientX: box.left + box.width * (84 + 624 * night / 4) / 720, bubbles: true, pointerId: 1});
svg.setPointerCapture = () => {};
const saying = () => [$("#COURSE .told").textContent, $("#COURSE .told + p").textContent];
svg.dispatchEvent(new PointerEvent("pointermove", at(1)));
told.point = saying();
svg.dispatchEvent(new PointerEvent("pointerdown", at(1)));
svg.dispatchEvent(new PointerEvent("pointermove", at(3)));
svg.dispatchEvent(new PointerEvent("pointerup", at(3)));
svg.dispatchEvent(new PointerEvent("pointermove", at(0)));
told.dragged = saying();
const key = (name, shiftKey) => svg.dispatchEvent(new KeyboardEvent("keydown", {key: name, shiftKey, bubbles: true}));
key("End", false);
told.end = [...saying(), svg.getAttribute("role"), svg.getAttribute("aria-valuenow")];
key("ArrowLeft", true);
told.back = saying();
const straight = line();
$("#COURSE label input").click();
told.bent = line() !== straight;
const heights = [...document.querySelectorAll('#COURSE text[data-y]')].map(one => Number(one.getAttribute("y")));
told.rises = heights.every((y, at) => !at || y < heights[at - 1]);
$("#COURSE label input").click();
told.straight = line() === straight;
return told;
"""


def test_a_hand_finds_what_the_page_offers(tmp_path):
    plain = [check(f"net{number:03}", "latency", Verdict.OK, 0.1, 0.1) for number in range(400)]
    odd = check("a|b<c>&*d*", "latency", Verdict.OK, 0.1, 0.1, test="t.py::test_odd[a b's]")
    far = check("zebra<&>", "latency", Verdict.OK, 0.104, 0.1)
    wrong = check("net999", "latency", Verdict.REGRESSED, 0.2, 0.1)
    other = check("net999", "macs", Verdict.OK, 10, 10)
    checks = (*plain, odd, far, wrong, other)
    course = nights(odd, bad=(3,))
    page = session_page.render(replace(EMPTY, environments=(ENVIRONMENT,), checks=checks), history=[course])
    script = HAND.replace("ADDRESS", rows.address(far)).replace("COURSE", rows.address(odd))
    (found,) = driven(tmp_path, {"page": (page, 1400, script)}).values()
    assert found["wrong"] == []
    told = found["told"]
    assert told["first"] == [400, "404 of 404, the first 400 shown", True]
    assert told["more"] == [404, "404 of 404", False]
    assert told["search"] == ["a|b<c>&*d*"]
    assert told["searchFar"] == ["zebra<&>"]
    assert told["again"] == 400
    assert told["largest"] == ["net999", "descending"]
    assert told["last"] == ["zebra<&>", "descending"]
    assert told["metric"] == ["net999"]
    assert told["trouble"] == ["net999"]
    assert told["address"] == [True, "zebra<&>"]
    commits = [one.commit[:10] for one in course.nights]
    assert told["point"] == [f"2026-11-02 08:00, commit {commits[1]}: 110 ms, ok", ""]
    command = f"pytest-modelbench bisect {commits[1]}..{commits[3]} 't.py::test_odd[a b'\"'\"'s]'"
    assert told["dragged"] == [f"2026-11-04 08:00, commit {commits[3]}: 500 ms, regressed", f"{command}copy"]
    assert told["end"] == [f"2026-11-05 08:00, commit {commits[4]}: 100 ms, ok", "", "slider", "5"]
    assert told["back"][1].startswith(f"pytest-modelbench bisect {commits[3]}..{commits[4]} ")
    assert told["bent"]
    assert told["rises"]
    assert told["straight"]
