"""deploy/alerts.yml and docs/operations.md speak of metrics that `/metrics` has."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

REPO = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\bposterity_\w+")


@pytest.fixture
def told(client: FlaskClient, publish: Callable[[], Any]) -> set[str]:
    """The names of all families while a snapshot is served; a counter under the name of its samples."""
    publish()
    client.get("/movies/1")
    families = re.findall(r"^# TYPE (\S+) \S+$", client.get("/metrics").text, re.MULTILINE)
    return {name.removesuffix("_created") for name in families}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((REPO / "deploy" / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_alarm_is_about_metrics_that_there_are(told: set[str]) -> None:
    assert len(rules()) >= 10
    for rule in rules():
        named = set(NAME.findall(rule["expr"]))
        assert named <= told, rule["alert"]
        assert named or "up{" in rule["expr"], rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_the_example_for_prometheus_reads_the_alarms_and_scrapes_where_the_api_is_published() -> None:
    document = yaml.safe_load((REPO / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
    assert document["rule_files"] == ["alerts.yml"]
    (job,) = document["scrape_configs"]
    assert job == {"job_name": "posterity", "static_configs": [{"targets": ["127.0.0.1:8000"]}]}
    assert 'up{job="posterity"}' in {rule["expr"].split(" ==")[0] for rule in rules()}


def test_the_operators_page_names_no_other_metric(told: set[str]) -> None:
    page = (REPO / "docs" / "operations.md").read_text(encoding="utf-8")
    watched = page.partition("## Watch")[2].partition("\n## ")[0]
    named = set(NAME.findall(watched))
    shorthand = {"posterity_snapshot_"}  # posterity_snapshot_{generation,bytes,...}
    assert len(named) > 10
    assert named - shorthand <= told
