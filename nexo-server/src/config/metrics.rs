//! Where metrics are told.

use std::net::SocketAddr;

use clap::Args;
use clap::parser::ValueSource;

use super::values;

/// Where the server tells its metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Address and port of a listener of their own, which answers `/metrics`,
    /// `/live`, `/ready` and `/health`; port 0 takes a free one. None by default.
    pub listen: Option<SocketAddr>,
    /// Whether the server does not start when that address cannot be listened
    /// on. Otherwise it warns and goes on without.
    pub is_required: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// Address and port for /metrics, apart from the callers'; port 0 takes a free one, off tells none. 127.0.0.1:9465 for the role auth, 127.0.0.1:9466 for crm. If the default one is taken, the server warns and goes on
    #[arg(
        long, env = "NEXO_METRICS_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9464",
        default_value_ifs = [("role", "auth", "127.0.0.1:9465"), ("role", "crm", "127.0.0.1:9466")],
        value_parser = listen
    )]
    metrics_listen: Listen,

    /// Whether somebody asked for that address.
    #[arg(skip)]
    is_given: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listen {
    Off,
    At(SocketAddr),
}

impl MetricsArgs {
    /// Remembers who has chosen the address.
    pub(super) fn chosen_by(&mut self, source: Option<ValueSource>) {
        self.is_given = !matches!(source, None | Some(ValueSource::DefaultValue));
    }

    pub(super) fn config(&self) -> MetricsConfig {
        match self.metrics_listen {
            Listen::Off => MetricsConfig::default(),
            Listen::At(address) => {
                MetricsConfig { listen: Some(address), is_required: self.is_given }
            }
        }
    }
}

fn listen(text: &str) -> Result<Listen, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Listen::Off);
    }
    values::address(text).map(Listen::At).map_err(|expected| format!("{expected}, or off"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::read;

    fn config(args: &[&str]) -> MetricsConfig {
        let args = ["nexo-server"].iter().chain(args).map(OsString::from);
        read(args).expect("a good command line").0.settings.http().metrics
    }

    #[test]
    fn only_an_address_that_was_asked_for_is_required() {
        let default = "127.0.0.1:9464".parse().expect("an address");
        let at = |listen, is_required| MetricsConfig { listen: Some(listen), is_required };
        assert_eq!(config(&[]), at(default, false));
        assert_eq!(config(&["--metrics-listen", "127.0.0.1:9464"]), at(default, true));
        assert_eq!(config(&["--metrics-listen", "off"]), MetricsConfig::default());
        assert_eq!(config(&["config", "--metrics-listen=OFF"]), MetricsConfig::default());
    }
}
