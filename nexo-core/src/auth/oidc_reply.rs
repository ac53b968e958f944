//! What goes to a provider, what comes back from there, and what is made of it.

use std::fmt;

/// A sign-in as it is sent to a provider.
#[derive(Clone)]
pub struct NewSignIn {
    /// The provider's id.
    pub provider: String,
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// What comes back with it.
    pub state: String,
    /// What the provider puts into its token.
    pub nonce: String,
    /// What shows that the code is one's own (PKCE).
    pub pkce_verifier: String,
}

/// What somebody shows who comes back from a provider.
#[derive(Clone, Copy)]
pub struct SignInReply<'a> {
    /// What beginning has told.
    pub sign_in_token: &'a str,
    /// What came back with the browser.
    pub state: &'a str,
}

/// A sign-in that waits for the provider's answer.
#[derive(Clone)]
pub struct PendingSignIn {
    /// The provider's id.
    pub provider: String,
    /// Where the browser came back to.
    pub redirect_uri: String,
    /// What the provider's token must have.
    pub nonce: String,
    /// What goes to the provider with the code.
    pub pkce_verifier: String,
    /// The answer was found to be good before: the provider is asked no more.
    pub is_verified: bool,
}

/// Who somebody is, as a provider's verified answer tells.
#[derive(Debug, Clone)]
pub struct ProviderIdentity {
    /// The provider, by its URL.
    pub issuer: String,
    /// Who, among its own.
    pub subject: String,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Whether the provider says that it is theirs.
    pub email_verified: bool,
    /// Their name.
    pub name: Option<String>,
}

/// An answer of a provider that was refused.
#[derive(Debug, Clone)]
pub struct RefusedReply {
    /// What was wrong with it: `nonce`, `audience`, …
    pub reason: &'static str,
    /// Issuer and subject that the provider has signed for, if it has.
    pub names: Option<(String, String)>,
}

// A secret never prints, not even in a debugger's log line.
impl fmt::Debug for NewSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSignIn").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl fmt::Debug for SignInReply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInReply").finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignIn").field("provider", &self.provider).finish_non_exhaustive()
    }
}
