//! What a scrape has read.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::get;

pub(crate) struct Scrape {
    pub(crate) text: String,
}

/// A line: name, labels, value.
type Sample<'a> = (&'a str, Vec<(&'a str, &'a str)>, f64);

impl Scrape {
    pub(crate) async fn of(address: SocketAddr) -> Self {
        let reply = get(address, "/metrics").await;
        let text = String::from_utf8(reply.body.clone()).unwrap();
        assert_eq!(reply.status, 200, "{text}");
        let kind = reply.header("content-type");
        assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
        Self { text }
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.text.lines().filter(|line| !line.starts_with('#')).map(sample)
    }

    /// The names of metrics, without what a histogram's samples add to theirs.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let lines = self.text.lines();
        let types: BTreeSet<_> = lines
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|rest| rest.split(' ').next())
            .collect();
        let base = |name| {
            let parts = ["_bucket", "_sum", "_count"];
            let mut stripped = parts.iter().filter_map(|part| str::strip_suffix(name, part));
            stripped.find(|base| types.contains(base)).unwrap_or(name)
        };
        self.samples().map(|(name, ..)| base(name)).collect()
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.samples().flat_map(|(_, labels, _)| labels).map(|(name, _)| name)
    }

    /// The values that a label of a metric has.
    pub(crate) fn values(&self, name: &str, label: &str) -> BTreeSet<String> {
        self.samples()
            .filter(|(known, ..)| *known == name)
            .flat_map(|(_, labels, _)| labels)
            .filter(|(known, _)| *known == label)
            .map(|(_, value)| value.to_owned())
            .collect()
    }

    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.samples()
            .find(|(known, has, _)| *known == name && labels.iter().all(|one| has.contains(one)))
            .map(|(.., value)| value)
    }
}

/// No value of a label has a quotation mark or a comma in it.
fn sample(line: &str) -> Sample<'_> {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("no labels: {line}"));
    let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
        let (name, value) = label.split_once('=').unwrap_or_else(|| panic!("no label: {line}"));
        (name, value.trim_matches('"'))
    });
    (name, labels.collect(), value.parse().unwrap())
}
