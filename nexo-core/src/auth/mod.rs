//! Who may act: registration, log-in, sessions and tokens.
//!
//! An access token is a signed statement that names user, account and session.
//! It is verified without the database, but whether its session is alive is
//! asked in the same round trip as the query, so that ending a session takes
//! effect on the very next request.

mod api_key;
mod authenticator;
mod checkpoint;
mod config;
mod external_identity;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod invitation;
mod joining;
mod keys;
mod login;
mod oidc_reply;
mod one_time;
mod password;
mod profile;
mod public_keys;
mod refresh;
mod refused_reply;
mod second_factor;
mod secret;
mod sign_in;
mod signed_in;
mod switch;
mod throttle;
mod token;
mod totp;
mod user_data;
mod verifier;
mod workers;

pub use authenticator::Authenticator;
pub use config::AuthConfig;
pub use oidc_reply::{NewSignIn, PendingSignIn, ProviderIdentity, RefusedReply, SignInReply};
pub use password::HashingCount;
pub(crate) use profile::read_profile;
pub(crate) use secret::{Kind, OpaqueToken};
pub use verifier::TokenVerifier;
