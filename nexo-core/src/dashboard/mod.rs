//! What somebody sees first, in one round trip a service.

#[cfg(feature = "auth")]
mod account;
mod tasks;
mod work;

#[cfg(feature = "testing")]
pub(crate) mod statements {
    #[cfg(feature = "auth")]
    pub(crate) use super::account::{INVITATIONS, MEMBERS};
    pub(crate) use super::tasks::{Mine, statement};
    pub(crate) use super::work::ACTIVITY;
}
