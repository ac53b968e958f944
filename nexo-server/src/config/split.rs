//! Which part of NEXO this process is.

use clap::Args;

use super::{RemoteConfig, Role, ServiceUrl};

/// The settings of a deployment in several processes.
#[derive(Debug, Args)]
pub(crate) struct SplitSettings {
    /// What this process does; several of them share the work
    #[arg(long, env = "NEXO_ROLE", value_name = "ROLE", default_value = "all")]
    pub(crate) role: Role,

    /// Where processes of the role auth are: http://auth.internal:4001, or h2c://… for HTTP/2; several with commas or by repeating
    #[arg(long, env = "AUTH_SERVICE_URL", value_name = "URL", value_delimiter = ',')]
    pub(crate) auth_service_url: Vec<ServiceUrl>,

    /// Where processes of the role crm are: http://crm.internal:4002, or h2c://… for HTTP/2; several with commas or by repeating
    #[arg(long, env = "CRM_SERVICE_URL", value_name = "URL", value_delimiter = ',')]
    pub(crate) crm_service_url: Vec<ServiceUrl>,
}

impl SplitSettings {
    /// Whom this process asks. One that does all asks nobody.
    pub(super) fn remote(&self, issuer: &str) -> RemoteConfig {
        let asks_auth = matches!(self.role, Role::Gateway | Role::Crm);
        let asks_crm = self.role == Role::Gateway;
        RemoteConfig {
            auth: if asks_auth { self.auth_service_url.clone() } else { Vec::new() },
            crm: if asks_crm { self.crm_service_url.clone() } else { Vec::new() },
            issuer: issuer.to_owned(),
            ..RemoteConfig::default()
        }
    }

    /// What a role cannot do without.
    pub(super) fn contradiction(&self, has_database: bool) -> Option<&'static str> {
        match self.role {
            Role::All if !self.auth_service_url.is_empty() || !self.crm_service_url.is_empty() => {
                Some(
                    "AUTH_SERVICE_URL and CRM_SERVICE_URL are of no use to a process that does \
                     all by itself: expected NEXO_ROLE (--role) gateway, auth or crm, or none of \
                     them",
                )
            }
            Role::Gateway
                if self.auth_service_url.is_empty() || self.crm_service_url.is_empty() =>
            {
                Some(
                    "NEXO_ROLE (--role) gateway hands requests on: expected AUTH_SERVICE_URL \
                     and CRM_SERVICE_URL",
                )
            }
            Role::Crm if self.auth_service_url.is_empty() => Some(
                "NEXO_ROLE (--role) crm verifies tokens with the keys of the authentication \
                 service: expected AUTH_SERVICE_URL",
            ),
            Role::Auth | Role::Crm if !has_database => Some(
                "NEXO_ROLE (--role) auth and crm share a database: expected DATABASE_URL, or \
                 NEXO_APP_DATABASE_URL and NEXO_AUTH_DATABASE_URL",
            ),
            _ => None,
        }
    }
}
