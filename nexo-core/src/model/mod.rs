//! The wire types, shared by the server and the SDK.
//!
//! Nothing here does I/O and nothing here knows a database: this module is
//! compiled without any feature, and it is all that `nexo-client` uses.
//!
//! JSON is `snake_case` and times are RFC 3339 in UTC. Unknown fields are
//! refused in requests, so that a misspelt name is an error instead of a lost
//! value, and ignored in answers, so that a newer server may add some.

mod auth;
mod change;
mod client;
mod entity;
mod id;
mod list;
mod problem;
mod text_enum;
mod validate;

pub use auth::{
    Account, AuthTokens, LoginRequest, PasswordChange, Profile, ProfilePatch, RefreshRequest,
    RegisterRequest, Session, TokenType, User,
};
pub use change::Change;
pub use client::{Client, ClientKind, ClientPatch, ClientStatus, NewClient};
pub use entity::Entity;
pub use id::Id;
pub use list::{DEFAULT_LIMIT, ListParams, MAX_LIMIT, Page, Sort};
pub use problem::{ErrorCode, FieldCode, FieldError, Problem};
pub use validate::{Validate, Validator, normalize_email};
