//! The rules and the dashboard in `monitoring/` speak of metrics that there are, and the
//! dashboard of all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Scrape, scrapes};
use crate::component::installed;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

/// The metrics that a text speaks of.
fn metrics(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("nexo_") || word.starts_with("process_"))
        .filter(|word| !["nexo_app", "nexo_auth", "nexo_server"].contains(word))
        .collect()
}

fn expressions(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    // A row has a title and nothing else.
    let panels = panels.filter(|panel| panel["type"] != "row");
    let targets = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        targets
    });
    targets.map(|target| target["expr"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn rules_and_dashboard_speak_of_metrics_that_there_are() {
    // No process tells all of them: a gateway alone has backends.
    let scrapes = scrapes().await;
    let samples: BTreeSet<_> =
        scrapes.iter().flat_map(Scrape::samples).map(|(name, ..)| name).collect();
    let names: BTreeSet<_> = scrapes.iter().flat_map(Scrape::names).collect();

    let dashboard: Value = serde_json::from_str(&read("grafana.json")).unwrap();
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 20);
    let mut shown = BTreeSet::new();
    for expression in expressions {
        let spoken_of = metrics(expression);
        assert!(!spoken_of.is_empty(), "{expression}");
        for name in spoken_of {
            assert!(samples.contains(name), "{name} in {expression}");
            shown.insert(name.strip_suffix("_bucket").unwrap_or(name));
        }
    }
    for name in names.iter().filter(|name| name.starts_with("nexo_")) {
        assert!(shown.contains(name), "no panel has {name}");
    }
    for name in metrics(&read("alerts.yml")) {
        assert!(samples.contains(name) || names.contains(name), "{name} in the rules");
    }
}

#[test]
fn each_alert_has_a_test_and_passes_it() {
    let (rules, tests) = (read("alerts.yml"), read("alerts_test.yml"));
    let alerts: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let blocks: Vec<_> = tests.split("- expr: ").filter(|test| test.contains(alert)).collect();
        for outcome in ["exp_samples: []", "value: 1"] {
            let is_tested = blocks.iter().any(|block| block.contains(outcome));
            assert!(is_tested, "{alert} has no test with {outcome}");
        }
    }
    let Some(promtool) = installed("promtool") else { return };
    for args in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let done = Command::new(&promtool).args(args).current_dir(folder()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}
