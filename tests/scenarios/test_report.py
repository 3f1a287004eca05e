import copy
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from neurodrift.scenarios.report import draw, topomap
from neurodrift.scenarios.report.html import report, write_report
from neurodrift.scenarios.tables import build_results

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Tags(HTMLParser):
    """Every element with its attributes and depth balance, and the text outside of style."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open, self.text = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def build(example, cells, planned=None, **kwargs):
    return build_results(
        kwargs.pop("spec", example.spec),
        {"scenario": "mi_cap_shift", "seeds": 1, "methods": ["frozen", "ea"]},
        {"neurodrift": "0.1.0", "jax": "0.10.0"},
        cells,
        planned or len(cells),
        example.timing,
        "neurodrift run mi_cap_shift --seeds 1",
        **kwargs,
    )


@pytest.fixture(scope="module")
def results(example):
    return build(example, example.cells(severities=(0, 2, 4), n_subjects=6, batch=6))


@pytest.fixture(scope="module")
def page(results):
    return report(results)


def sections(page):
    return re.findall(r'<section id="(\w+)"', page)


def test_report_is_one_file_without_any_address(page):
    tags = Tags(page)
    assert tags.open == []
    assert "http" not in page
    assert not {"script", "link", "iframe", "object", "img", "base"} & {tag for tag, _ in tags.found}
    links = [value for _, attrs in tags.found for key, value in attrs.items() if key in ("href", "src", "xlink:href")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert all(ref.startswith("#") for ref in re.findall(r"url\(([^)]*)\)", page))


def test_every_reference_inside_the_report_has_its_target(page):
    tags = Tags(page)
    ids = {attrs["id"] for _, attrs in tags.found if "id" in attrs}
    wanted = {attrs["href"][1:] for _, attrs in tags.found if attrs.get("href", "").startswith("#")}
    wanted |= {ref[1:] for ref in re.findall(r"url\(([^)]*)\)", page)}
    assert wanted <= ids


def test_the_same_results_give_the_same_bytes(results, page, tmp_path):
    write_report(copy.deepcopy(results), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == page.encode()


def test_the_verdict_comes_first_and_everything_that_was_promised_follows(page, results):
    assert page.index('class="verdict"') < page.index("<section")
    assert results["verdict"]["headline"] in "".join(Tags(page).text)
    assert sections(page) == [
        "recovery",
        "severity",
        "table",
        "topographies",
        "drift",
        "recovered",
        "labels",
        "tests",
        "run",
        "glossary",
    ]
    text = "".join(Tags(page).text)
    assert "3/3 cells, complete" in text
    assert "neurodrift run mi_cap_shift --seeds 1" in text
    assert "0.10.0" in text


def test_report_stays_small(page):
    assert len(page.encode()) < 3_000_000


def test_an_incomplete_run_says_so_first_and_is_not_ranked(example):
    cells = example.cells(severities=(2,), n_subjects=4, batch=2)
    page = report(build(example, cells[:1], planned=2))
    text = "".join(Tags(page).text)
    assert text.index("1/2 cells, INCOMPLETE — not ranked") < text.index("accuracy, %")
    assert "not ranked. A" not in text
    assert "best first" not in text


def test_text_from_outside_is_escaped_everywhere(example):
    evil = '<script>alert("x")</script>&$\\frac{1}$'
    meta, arrays = example.cell(2, ["S00", "S01", "S02"], 0)
    meta = {
        **meta,
        "ch_names": [evil] * 16,
        "subjects": [evil, "b", "c"],
        "notes": [evil],
        "drift_units": {"cap_shift": evil},
        "topography_title": evil,
        "session_names": [evil, evil],
    }
    arrays = {**arrays, f"drift/{evil}": arrays["drift/cap_shift"], "session": np.repeat([0, 1], 105)}
    spec = {
        **example.spec,
        "title": evil,
        "summary": evil,
        "severity_name": evil,
        "severity_unit": evil,
        "reference": evil,
        "methods": {method: {"title": evil, "tag": evil, "labels": evil} for method in example.methods},
    }
    results = build_results(spec, {evil: evil}, {evil: evil}, [(meta, arrays)], 1, {}, evil)
    page = report({**results, "failures": [{"cell": evil, "error": evil}]})
    assert "<script" not in page
    tags = Tags(page)
    assert "script" not in {tag for tag, _ in tags.found}
    assert tags.open == []
    assert "".join(tags.text).count("<script>alert") > 20


def test_losers_are_marked_and_bounds_named(page):
    rows = re.findall(r'<tr class="loser">(.*?)</tr>', page)
    assert rows
    assert all("Entropy minimisation" in row and "below frozen" in row for row in rows)
    assert "Frozen (lower bound)" in page
    assert "Oracle (upper bound)" in page


def test_a_recorded_stream_shows_its_days_and_hides_what_it_cannot_have(example):
    results = build(example, example.days(), spec=example.days_spec, unit="session")
    page = report(results)
    assert sections(page)[:2] == ["recovery", "sessions"]
    assert "severity" not in sections(page)
    assert "2022-04-03" in page
    assert "before %, drop pp" in page  # among the reasons, not among the columns
    assert "<th>drop pp</th>" not in page.split("<details>")[0]


def test_a_run_without_cells_has_a_report(example):
    page = report(build(example, [], planned=5))
    assert "0/5 cells, INCOMPLETE" in page
    assert sections(page) == ["run"]


def test_labels_are_moved_apart_but_keep_their_order():
    placed = draw.spread([0.5, 0.51, 0.1, 0.52], gap=0.1, low=0.0, high=1.0)
    order = np.argsort(placed)
    assert list(order) == [2, 0, 1, 3]
    assert np.diff(np.sort(placed)).min() >= 0.1 - 1e-12
    crowded = draw.spread([1.0] * 5, gap=0.1, low=0.0, high=1.0)
    assert max(crowded) == 1.0
    assert np.diff(np.sort(crowded)).min() >= 0.1 - 1e-12


def test_every_method_is_drawn_in_its_own_way(results):
    styles = draw.styles(results)
    drawn = {(style["color"], str(style["linestyle"])) for style in styles.values()}
    assert len(drawn) == len(styles) == 12
    assert styles["frozen"] is draw.FROZEN
    assert styles["oracle"] is draw.ORACLE


def test_the_vertex_is_the_middle_and_the_equator_the_rim():
    xy = topomap.flatten([[0, 0, 0.09], [0.09, 0, 0], [0, 0.09, 0], [0, 0.05, 0.05]])
    np.testing.assert_allclose(xy, [[0, 0], [1, 0], [0, 1], [0, 0.5]], atol=1e-12)


def test_the_spline_passes_through_the_electrodes():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 12)
    xy = rng.uniform(0.1, 0.9, (12, 1)) * np.stack([np.cos(angle), np.sin(angle)], -1)
    axis = np.linspace(-1, 1, topomap.N_GRID)
    xy = axis[np.abs(xy[..., None] - axis).argmin(-1)]  # on grid points
    values = rng.normal(size=12)
    found, surface = topomap.interpolate(xy, values, 1.0)
    index = [(int(np.argmin(np.abs(found - y))), int(np.argmin(np.abs(found - x)))) for x, y in xy]
    np.testing.assert_allclose([surface[i] for i in index], values, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_electrodes_is_drawn_without_a_spline(n):
    assert topomap.interpolate(np.eye(3)[:n, :2], np.ones(n), 1.0) is None
    one = {"severity": None, "ch_names": list("abc")[:n], "positions": (0.09 * np.eye(3)[:n]).tolist(), "title": ""}
    drawing = topomap.topographies({"topographies": [{**one, "before": [1e-6] * n, "after": [2e-6] * n}]})
    assert drawing.startswith("<svg")
