//! Who is in an account, and what they may do there.
//!
//! What a role comes to, and that nobody gives more than they have, is the
//! database's own work: see the triggers in the migrations.

#[cfg(feature = "auth")]
mod invitations;
mod members;
mod role_ref;
mod roles;

#[cfg(feature = "auth")]
pub use invitations::InvitationRepository;
pub use members::MemberRepository;
pub use roles::RoleRepository;

#[cfg(feature = "auth")]
pub(crate) use role_ref::read as read_role;
