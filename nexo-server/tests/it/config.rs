//! The program's command line and environment.

use std::process::{Command, Output};

fn nexo_server(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexo-server"));
    command.env_clear().env("HOME", "/home/nobody").envs(environment.iter().copied());
    command.args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_effective_configuration_is_printed() {
    let environment = [
        ("NEXO_LISTEN", "0.0.0.0:80"),
        ("DATABASE_URL", "postgres://owner:s3cret@db.example:5433/crm?sslmode=require"),
        ("NEXO_CORS_ORIGIN", "https://a.example,https://b.example"),
        ("NEXO_METRICS_LISTEN", "off"),
        ("NEXO_SMTP_URL", "smtps://crm:s3cret@mail.example.com"),
        ("NEXO_MAIL_FROM", "NEXO <crm@example.com>"),
        ("NEXO_PUBLIC_URL", "https://crm.example.com/"),
        ("REDIS_URL", "rediss://crm:s3cret@redis.example.com/1"),
        ("NEXO_RATE_LIMIT_USER", "off"),
        ("NEXO_PREPARED_STATEMENTS", "false"),
    ];
    let text = stdout(&nexo_server(&["config", "--pool-size", "4"], &environment));
    let line = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} =")));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
        let (setting, comment) = line.split_once("  # ").unwrap();
        (setting.trim_end().to_owned(), comment.split(';').next().unwrap().to_owned())
    };
    let pair = |setting: &str, source: &str| (setting.to_owned(), source.to_owned());
    assert_eq!(line("NEXO_LISTEN"), pair("NEXO_LISTEN = 0.0.0.0:80", "environment"));
    assert_eq!(line("NEXO_POOL_SIZE"), pair("NEXO_POOL_SIZE = 4", "--pool-size"));
    assert_eq!(line("NEXO_REQUEST_TIMEOUT"), pair("NEXO_REQUEST_TIMEOUT = 30s", "default"));
    assert_eq!(line("NEXO_METRICS_LISTEN"), pair("NEXO_METRICS_LISTEN = off", "environment"));
    assert_eq!(line("NEXO_EPHEMERAL"), pair("NEXO_EPHEMERAL = false", "default"));
    assert_eq!(
        line("DATABASE_URL"),
        pair("DATABASE_URL = postgres://owner:[redacted]@db.example/crm", "environment")
    );
    assert_eq!(
        line("NEXO_CORS_ORIGIN"),
        pair("NEXO_CORS_ORIGIN = https://a.example,https://b.example", "environment")
    );
    assert_eq!(
        line("NEXO_SMTP_URL"),
        pair("NEXO_SMTP_URL = smtps://mail.example.com", "environment")
    );
    assert_eq!(
        line("REDIS_URL"),
        pair("REDIS_URL = rediss://redis.example.com:6379/1", "environment")
    );
    assert_eq!(line("NEXO_RATE_LIMIT"), pair("NEXO_RATE_LIMIT = 100/60s", "default"));
    assert_eq!(line("NEXO_RATE_LIMIT_USER"), pair("NEXO_RATE_LIMIT_USER = off", "environment"));
    assert_eq!(
        line("NEXO_PREPARED_STATEMENTS"),
        pair("NEXO_PREPARED_STATEMENTS = false", "environment")
    );
    assert_eq!(line("NEXO_MAX_IN_FLIGHT"), pair("NEXO_MAX_IN_FLIGHT = 512", "default"));
    assert_eq!(line("NEXO_REPLY_MEMORY"), pair("NEXO_REPLY_MEMORY = 256MiB", "default"));
    assert!(!text.contains("s3cret"));
}

#[test]
fn flags_win_over_the_environment() {
    let text = stdout(&nexo_server(&["config", "--log", "warn"], &[("NEXO_LOG", "debug")]));
    assert!(text.contains("NEXO_LOG = warn "), "{text}");
}

#[test]
fn a_wrong_value_stops_the_start_and_is_explained() {
    for (variable, value, expected) in [
        ("NEXO_LISTEN", "localhost", "an IP address and a port"),
        ("NEXO_EPHEMERAL", "perhaps", "true or false"),
        ("NEXO_METRICS_LISTEN", "nowhere", "and a port, such as"),
        ("NEXO_POOL_SIZE", "0", "a number from 1"),
        ("NEXO_POOL_SIZE", "many", "a number from 1"),
        ("NEXO_DRAIN_TIMEOUT", "30", "a duration"),
        ("NEXO_CORS_ORIGIN", "https://a.example,*", "one origin"),
        ("NEXO_TRUSTED_PROXY", "10.0.0.0/64", "a network"),
        ("NEXO_RATE_LIMIT", "100", "such as 100/60s, or off"),
        ("NEXO_RATE_LIMIT_AUTH", "0/60s", "such as 100/60s, or off"),
        ("NEXO_RATE_LIMIT_USER", "100/2h", "such as 100/60s, or off"),
        ("NEXO_MAX_IN_FLIGHT", "0", "a number from 1 to 100000, or off"),
        ("NEXO_REPLY_MEMORY", "8MiB", "at least 16MiB"),
        ("NEXO_REPLY_RATE", "fast", "such as 64KiB"),
        ("NEXO_REPLY_TIMEOUT", "0s", "a duration above zero"),
        ("NEXO_REDIS_TIMEOUT", "0s", "a duration above zero"),
        ("NEXO_RATE_LIMIT_ON_REDIS_FAILURE", "shut", "open or closed"),
        ("NEXO_LOG_FORMAT", "xml", "pretty or json"),
        ("NEXO_LOG", "nexo=loud", "a level"),
        ("NEXO_DATA_DIR", "", "not to be empty"),
        ("NEXO_MAIL_FROM", "nobody", "an address such as"),
        ("NEXO_MAIL_FROM", "crm@example.com", "both, or neither"),
        ("NEXO_SMTP_URL", "smtps://mail.example.com", "both, or neither"),
        ("NEXO_TLS_CERT", "/etc/tls.crt", "both, or neither"),
        ("NEXO_TLS_KEY", "/etc/tls.key", "both, or neither"),
        ("NEXO_PUBLIC_URL", "crm.example.com", "a URL such as"),
        ("NEXO_PUBLIC_URL", "https://crm.example.com/#x", "a URL such as"),
        ("NEXO_OIDC_PROVIDERS", "/nowhere/providers.json", "a file that can be read"),
        ("NEXO_ROLE", "queen", "gateway"),
        ("NEXO_ROLE", "gateway", "AUTH_SERVICE_URL"),
        ("NEXO_ROLE", "crm", "AUTH_SERVICE_URL"),
        ("NEXO_ROLE", "auth", "DATABASE_URL"),
        ("AUTH_SERVICE_URL", "https://auth.internal", "addresses such as"),
        ("CRM_SERVICE_URL", "http://a:1,crm.internal:4002", "addresses such as"),
        ("CRM_SERVICE_URL", "http://crm.internal:4002", "NEXO_ROLE"),
    ] {
        let output = nexo_server(&[], &[(variable, value)]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{variable}: {text}");
        assert!(text.contains(variable) && text.contains("expected"), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    for value in ["postgres://owner:s3cret@host:port/crm", "s3cret", "password=s3cret", ""] {
        for (args, environment) in [
            (vec![], vec![("DATABASE_URL", value)]),
            (vec!["--database-url", value], vec![]),
            (vec!["config", "--app-database-url", value], vec![]),
        ] {
            let output = nexo_server(&args, &environment);
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains("DATABASE_URL") && text.contains("expected"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[test]
fn a_wrong_mail_server_is_not_repeated() {
    for value in
        ["s3cret", "https://crm:s3cret@mail.example.com", "smtp://crm:s3cret@mail.example.com"]
    {
        let given = [("NEXO_SMTP_URL", value), ("NEXO_MAIL_FROM", "crm@example.com")];
        for (args, environment) in [(vec![], &given[..]), (vec!["--smtp-url", value], &given[1..])]
        {
            let output = nexo_server(&args, environment);
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains("NEXO_SMTP_URL") && text.contains("expected"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[test]
fn a_wrong_redis_is_not_repeated() {
    for value in ["s3cret", "https://:s3cret@redis.example.com", "redis://:s3cret@host:port"] {
        for (args, environment) in
            [(vec![], vec![("REDIS_URL", value)]), (vec!["--redis-url", value], vec![])]
        {
            let output = nexo_server(&args, &environment);
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains("REDIS_URL") && text.contains("expected"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[test]
fn an_unknown_flag_is_refused() {
    let output = nexo_server(&["--listn", "127.0.0.1:0"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--listn"));
}

#[test]
fn help_teaches() {
    let text = stdout(&nexo_server(&["--help"], &[("DATABASE_URL", "postgres://u:s3cret@h/d")]));
    for part in ["Examples:", "NEXO_LISTEN", "127.0.0.1:4000", "--ephemeral", "DATABASE_URL"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("s3cret"));
}
