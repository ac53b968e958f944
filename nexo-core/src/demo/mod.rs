//! Accounts filled with believable data: for newcomers, who want to see
//! something, and for measuring.
//!
//! [`fill`] makes clients and everything around them: departments with heads,
//! employees with managers, suppliers, professionals, projects with members, and
//! tasks, linked to each other as they would be. How much there is of each says
//! [`Demo`]. The content follows from a seed alone and is the same on every
//! machine; its times lie in the three years before now, unless another end is
//! given. Addresses end in `.example` and numbers are kept for fiction, or
//! cannot be anybody's, so nobody is ever written to.
//!
//! It writes as everybody does, as `nexo_app` under row-level security, through
//! the one place where tenants' SQL runs.

mod clients;
mod columns;
mod fill;
mod party;
mod phrase;
mod professionals;
mod projects;
mod random;
mod size;
mod staff;
mod suppliers;
mod tasks;
#[cfg(test)]
mod tests;
mod text;
mod words;
mod world;

pub use fill::fill;
pub use phrase::pass_phrase;
pub use size::{Demo, Filled, Progress};
