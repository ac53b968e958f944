//! Connection URLs, which hold passwords.

use std::fmt;
use std::str::FromStr;

use nexo_core::tokio_postgres::Config;
use nexo_core::tokio_postgres::config::Host;

/// A PostgreSQL connection URL. Printed, it has no password.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(Config);

impl DatabaseUrl {
    pub(crate) fn config(&self) -> &Config {
        &self.0
    }

    /// `localhost/crm`: which database, for people.
    pub(crate) fn place(&self) -> String {
        let hosts: Vec<_> = self.0.get_hosts().iter().map(host).collect();
        let name = self.0.get_dbname().or(self.0.get_user()).unwrap_or("postgres");
        format!("{}/{name}", hosts.join(","))
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<Config>() {
            Ok(config) if !config.get_hosts().is_empty() => Ok(Self(config)),
            // Never the parser's own words: they may quote the password.
            _ => {
                Err("expected a URL such as postgres://user:password@host:5432/database".to_owned())
            }
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.0.get_user() {
            f.write_str(user)?;
        }
        if self.0.get_password().is_some() {
            f.write_str(":[redacted]")?;
        }
        if self.0.get_user().is_some() || self.0.get_password().is_some() {
            f.write_str("@")?;
        }
        f.write_str(&self.place())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_never_print() {
        let shown = |text: &str| {
            let url: DatabaseUrl = text.parse().expect("a URL");
            assert_eq!(format!("{url:?}"), url.to_string());
            url.to_string()
        };
        assert_eq!(
            shown("postgres://owner:s3cret@db.example:5433/crm?sslmode=require"),
            "postgres://owner:[redacted]@db.example/crm"
        );
        assert_eq!(
            shown("postgres://db.example/crm?password=s3cret"),
            "postgres://:[redacted]@db.example/crm"
        );
        assert_eq!(
            shown("host=/run/pg user=owner password=s3cret"),
            "postgres://owner:[redacted]@/run/pg/owner"
        );
        let refused = "postgres://owner:s3cret@host:port/crm".parse::<DatabaseUrl>();
        assert!(!refused.expect_err("no port").contains("s3cret"));
    }
}
