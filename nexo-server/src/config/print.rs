//! `nexo-server config`: the effective configuration.

use std::ffi::OsStr;
use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::wrong::variable;
use super::{Cli, DatabaseUrl, RedisUrl, SmtpUrl};
use crate::embedded::default_data_dir;

/// One line a setting: `NAME = value  # source; meaning`.
pub(crate) fn print(matches: &ArgMatches) -> String {
    let mut lines = Vec::new();
    for arg in Cli::definition().get_arguments() {
        let Some(name) = variable(arg) else { continue };
        let (value, source) = value(arg, matches);
        let meaning = arg.get_help().map(ToString::to_string).unwrap_or_default();
        lines.push((format!("{name} = {value}"), format!("{source}; {meaning}")));
    }
    let width = lines.iter().map(|(setting, _)| setting.chars().count()).max().unwrap_or(0).min(50);
    let mut text = String::new();
    for (setting, comment) in lines {
        writeln!(text, "{setting:width$}  # {comment}").expect("strings take all that is written");
    }
    text
}

fn value(arg: &Arg, matches: &ArgMatches) -> (String, String) {
    let id = arg.get_id().as_str();
    let source = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => {
            format!("--{}", arg.get_long().expect("every setting has a flag"))
        }
        Some(ValueSource::EnvVariable) => "environment".to_owned(),
        _ => "default".to_owned(),
    };
    // Only what the parser has understood of a URL is printed, so that no
    // spelling of a password slips through.
    if let Ok(Some(url)) = matches.try_get_one::<DatabaseUrl>(id) {
        return (url.to_string(), source);
    }
    if let Ok(Some(url)) = matches.try_get_one::<SmtpUrl>(id) {
        return (url.to_string(), source);
    }
    if let Ok(Some(url)) = matches.try_get_one::<RedisUrl>(id) {
        return (url.to_string(), source);
    }
    let raw: Vec<_> =
        matches.get_raw(id).into_iter().flatten().map(OsStr::to_string_lossy).collect();
    match (raw.is_empty(), id) {
        (false, _) => (raw.join(","), source),
        (true, "data_dir") => (
            default_data_dir()
                .map_or_else(|error| error.to_string(), |dir| dir.display().to_string()),
            source,
        ),
        (true, _) => (String::new(), "not set".to_owned()),
    }
}
