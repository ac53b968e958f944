//! What one process is, and who answers a route.

use std::fmt;

use clap::ValueEnum;

/// What a server process does. All of them have the same route table; a role
/// says which of its routes are answered here, and which by another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Role {
    /// Everything in one process
    #[default]
    All,
    /// The way in: answers nothing itself but health, and hands requests on
    Gateway,
    /// Users, sessions, roles and keys
    Auth,
    /// Clients, projects and whatever else an account has
    Crm,
}

impl Role {
    /// Whether this process answers the routes of a service itself.
    pub(crate) fn answers(self, service: Service) -> bool {
        match service {
            Service::Process => true,
            Service::Entry => self.is_entry(),
            Service::Auth => matches!(self, Self::All | Self::Auth),
            Service::Crm => matches!(self, Self::All | Self::Crm),
        }
    }

    /// Whether callers from outside come here.
    pub(crate) fn is_entry(self) -> bool {
        matches!(self, Self::All | Self::Gateway)
    }

    /// Whether it has the routes of a service at all.
    pub(crate) fn has(self, service: Service) -> bool {
        self == Self::Gateway || self.answers(service)
    }
}

/// Who answers a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Each process for itself.
    Process,
    /// Who callers come to first, from what the services say.
    Entry,
    /// Users, sessions, roles and keys.
    Auth,
    /// Clients, projects and whatever else an account has.
    Crm,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Entry => "entry",
            Self::Auth => "auth",
            Self::Crm => "crm",
        })
    }
}
