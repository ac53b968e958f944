//! Reading the configuration, and saying what is wrong with it.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, FromArgMatches};

use super::{Cli, Command, DemoArgs};

/// Why the program ends before it starts.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Help or version was asked for, or the command line is not understood;
    /// clap prints it and knows the exit code.
    Usage(clap::Error),
    /// A setting has a value that cannot be.
    Setting(String),
}

/// Reads flags and environment.
///
/// A wrong value is reported with the names of its flag and its variable, the
/// value, unless it may hold a secret, and what was expected instead.
pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<(Cli, ArgMatches), Refused> {
    let args = role_after_command(args.into_iter().collect());
    let matches =
        Cli::definition().try_get_matches_from(&args).map_err(|error| explain(error, &args))?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(Refused::Usage)?;
    cli.settings.metrics.chosen_by(matches.value_source("metrics_listen"));
    let contradiction = cli.settings.contradiction().or_else(|| match &cli.command {
        Some(Command::Demo(_)) => DemoArgs::contradiction(&cli.settings),
        _ => None,
    });
    match contradiction {
        Some(text) => Err(Refused::Setting(text.to_owned())),
        None => Ok((cli, matches)),
    }
}

/// What is given before a command is not seen by the defaults behind it, and some of
/// them depend on the role.
fn role_after_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let definition = Cli::definition();
    let is_command = |arg: &OsString| definition.find_subcommand(arg).is_some();
    let Some(command) = args.iter().position(is_command) else { return args };
    let is_role = |arg: &OsString| {
        arg == "--role" || arg.to_str().is_some_and(|arg| arg.starts_with("--role="))
    };
    let Some(role) = args[..command].iter().position(is_role) else { return args };
    let length = if args[role] == "--role" { 2 } else { 1 };
    if role + length <= command {
        args[role..=command].rotate_left(length);
    }
    args
}

fn explain(error: clap::Error, args: &[OsString]) -> Refused {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return Refused::Usage(error);
    }
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return Refused::Usage(error);
    };
    let flag = shown.split([' ', '=', '[']).next().unwrap_or_default();
    let command = Cli::definition();
    let of_commands = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let mut args_of_all = command.get_arguments().chain(of_commands);
    let Some(arg) = args_of_all.find(|arg| Some(flag) == long(arg).as_deref()) else {
        return Refused::Usage(error);
    };
    let variable = variable(arg).unwrap_or_default();
    let name = match (variable, on_command_line(flag, args)) {
        ("", _) => flag.to_owned(),
        (_, true) => format!("{flag} ({variable})"),
        (_, false) => format!("{variable} ({flag})"),
    };
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if !arg.is_hide_env_values_set() => {
            format!("the wrong value {value:?}")
        }
        _ => "a wrong value".to_owned(),
    };
    let expected = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!("expected {}", valid.join(" or "))
        }
        (None, _) => "expected it not to be empty".to_owned(),
    };
    Refused::Setting(format!("{name} has {value}: {expected}"))
}

fn long(arg: &Arg) -> Option<String> {
    arg.get_long().map(|name| format!("--{name}"))
}

pub(super) fn variable(arg: &Arg) -> Option<&str> {
    arg.get_env()?.to_str()
}

/// Flags win over the environment, so the flag is at fault if it is there.
fn on_command_line(flag: &str, args: &[OsString]) -> bool {
    args.iter().filter_map(|arg| arg.to_str()).any(|arg| arg.split('=').next() == Some(flag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HttpConfig;

    fn refusal(args: &[&str]) -> String {
        let args = ["nexo-server"].iter().chain(args).map(OsString::from);
        match read(args) {
            Err(Refused::Setting(text)) => text,
            other => panic!("not refused as a setting: {other:?}"),
        }
    }

    #[test]
    fn wrong_values_are_named_and_explained() {
        assert_eq!(
            refusal(&["--listen", "4000"]),
            "--listen (NEXO_LISTEN) has the wrong value \"4000\": expected an IP address and a \
             port, such as 127.0.0.1:4000 or [::]:4000"
        );
        assert_eq!(
            refusal(&["--log-format=xml"]),
            "--log-format (NEXO_LOG_FORMAT) has the wrong value \"xml\": expected pretty or json"
        );
        assert_eq!(
            refusal(&["--database-url", "postgres://owner:s3cret@host:port/crm"]),
            "--database-url (DATABASE_URL) has a wrong value: expected a URL such as \
             postgres://user:password@host:5432/database"
        );
        for (flag, wrong) in [
            ("--pool-size", "0"),
            ("--request-timeout", "30"),
            ("--drain-timeout", "soon"),
            ("--cors-origin", "*"),
            ("--trusted-proxy", "10.0.0.0/99"),
            ("--ephemeral", "perhaps"),
            ("--log", "info,=,"),
            ("--issuer", ""),
            ("--data-dir", ""),
        ] {
            let text = refusal(&[&format!("{flag}={wrong}")]);
            assert!(text.starts_with(flag) && text.contains("expected"), "{text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let url = "postgres://owner@host/crm";
        assert!(refusal(&["--ephemeral", "--database-url", url]).contains("a database URL"));
        assert!(refusal(&["--ephemeral", "--data-dir", "/tmp"]).contains("NEXO_DATA_DIR"));
        assert!(refusal(&["demo", "--ephemeral"]).contains("demo fills what is kept"));
        assert!(refusal(&["--tls-cert", "a.crt"]).contains("NEXO_TLS_KEY"));
        assert!(refusal(&["--tls-key", "a.key"]).contains("NEXO_TLS_CERT"));
        assert!(refusal(&["--app-database-url", url]).contains("NEXO_AUTH_DATABASE_URL"));
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let (cli, _) = read([OsString::from("nexo-server")]).expect("no flags are needed");
        let program = cli.settings.http();
        let library = HttpConfig { metrics: program.metrics.clone(), ..HttpConfig::default() };
        assert_eq!(format!("{program:?}"), format!("{library:?}"));
    }

    #[test]
    fn the_role_is_the_same_before_and_after_a_command() {
        for (given, expected) in [
            ("x --role crm config", "x config --role crm"),
            ("x --role=crm --ephemeral config", "x --ephemeral config --role=crm"),
            ("x config --role crm", "x config --role crm"),
            ("x --role crm", "x --role crm"),
            ("x --role config", "x --role config"),
        ] {
            let moved = role_after_command(given.split(' ').map(OsString::from).collect());
            assert_eq!(moved, expected.split(' ').collect::<Vec<_>>(), "{given}");
        }
        let given =
            "x --role auth --database-url postgres://o@h/d --auth-service-url http://a serve";
        let (cli, _) = read(given.split(' ').map(OsString::from)).expect("a good command line");
        assert_eq!(cli.settings.listen.port(), 4001);
    }

    #[test]
    fn flags_may_follow_the_command() {
        let args = ["nexo-server", "config", "--listen", "[::1]:80"].map(OsString::from);
        let (cli, _) = read(args).expect("a good command line");
        assert_eq!(cli.settings.listen.port(), 80);
    }
}
