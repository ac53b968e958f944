//! Random values, hashes, and the opaque refresh token.

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::model::{ErrorCode, Id, User};

pub(super) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)
        .map_err(|_| Error::new(ErrorCode::Internal, "the system gives no random numbers"))?;
    Ok(bytes)
}

/// SHA-256 of the parts, each with its length before it, so that two different
/// lists never read the same.
pub(super) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    to_array(context.finish().as_ref())
}

fn to_array(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("SHA-256 has 32 bytes")
}

/// A refresh token: 256 random bits, and the user whose rows to look in.
///
/// The user is a claim like any other until the hash is found among that
/// user's rows.
pub(super) struct RefreshToken {
    pub(super) user: Id<User>,
    secret: [u8; 32],
}

const PREFIX: &str = "nxr_";

impl RefreshToken {
    pub(super) fn generate(user: Id<User>) -> Result<Self> {
        Ok(Self { user, secret: random()? })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (user, secret) = read(PREFIX, text)?;
        Some(Self { user: Id::from_uuid(user), secret })
    }

    pub(super) fn expose(&self) -> String {
        write(PREFIX, self.user.as_uuid(), &self.secret)
    }

    /// What is stored in its place.
    pub(super) fn hash(&self) -> [u8; 32] {
        hash(&[b"nexo refresh token", &self.secret])
    }

    /// The next token of the family. Whoever presents this token again can be
    /// given the same one, because it follows from this secret and the stored
    /// nonce; neither alone tells anything of it.
    pub(super) fn successor(&self, nonce: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        Self { user: self.user, secret: to_array(hmac::sign(&key, nonce).as_ref()) }
    }
}

/// What is given out for somebody to show: 256 random bits, and the user or
/// account among whose rows to look for their hash, which is a claim like any
/// other until it is found there.
pub(crate) struct OpaqueToken {
    kind: Kind,
    owner: Uuid,
    secret: [u8; 32],
}

/// What a token is for; one is not taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of an account.
    Invitation,
    /// Of an account.
    ApiKey,
    /// Of a user.
    PasswordReset,
    /// Of a user.
    EmailVerification,
    /// Of a sign-in at a provider.
    SignIn,
}

impl Kind {
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Invitation => "nxi_",
            Self::ApiKey => "nxk_",
            Self::PasswordReset => "nxp_",
            Self::EmailVerification => "nxv_",
            Self::SignIn => "nxs_",
        }
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Invitation => b"nexo invitation token",
            Self::ApiKey => b"nexo API key",
            Self::PasswordReset => b"nexo password reset",
            Self::EmailVerification => b"nexo e-mail verification",
            Self::SignIn => b"nexo sign-in",
        }
    }
}

impl OpaqueToken {
    pub(crate) fn generate<T>(kind: Kind, owner: Id<T>) -> Result<Self> {
        Ok(Self { kind, owner: *owner.as_uuid(), secret: random()? })
    }

    pub(super) fn parse(kind: Kind, text: &str) -> Option<Self> {
        let (owner, secret) = read(kind.prefix(), text)?;
        Some(Self { kind, owner, secret })
    }

    /// Whose it says it is.
    pub(super) fn owner<T>(&self) -> Id<T> {
        Id::from_uuid(self.owner)
    }

    pub(crate) fn expose(&self) -> String {
        write(self.kind.prefix(), &self.owner, &self.secret)
    }

    /// What is stored in its place.
    pub(crate) fn hash(&self) -> [u8; 32] {
        hash(&[self.kind.label(), &self.secret])
    }
}

fn read(prefix: &str, text: &str) -> Option<(Uuid, [u8; 32])> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    let (owner, secret) = bytes.split_at_checked(16)?;
    Some((Uuid::from_slice(owner).ok()?, secret.try_into().ok()?))
}

fn write(prefix: &str, owner: &Uuid, secret: &[u8; 32]) -> String {
    let mut bytes = Vec::with_capacity(48);
    bytes.extend_from_slice(owner.as_bytes());
    bytes.extend_from_slice(secret);
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_its_successor_depends_on_secret_and_nonce() {
        let token = RefreshToken::generate(Id::new()).expect("random");
        let read = RefreshToken::parse(&token.expose()).expect("its own form");
        assert_eq!(read.hash(), token.hash());
        assert_eq!(read.user, token.user);

        let other = RefreshToken::generate(token.user).expect("random");
        let next = token.successor(&[1; 32]);
        assert_eq!(next.hash(), read.successor(&[1; 32]).hash());
        assert_ne!(next.hash(), token.successor(&[2; 32]).hash());
        assert_ne!(next.hash(), other.successor(&[1; 32]).hash());
        assert_ne!(next.hash(), token.hash());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in
            ["", "nxr_", "nxr_AAAA", "nxr_!", "ey.ey.ey", &format!("nxr_{}", "A".repeat(200))]
        {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }
}
