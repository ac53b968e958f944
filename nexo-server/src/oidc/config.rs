//! The file that names providers, and what is wrong with it.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::unistd::Uid;
use openidconnect::url::Url;
use serde::Deserialize;

use super::uri::{is_issuer, is_plain_loopback, is_redirect, is_same_but_for_port};

/// More than any list of providers has.
const LONGEST: u64 = 1024 * 1024;

/// Providers that people can sign in through.
#[derive(Debug, Clone, Default)]
pub struct OidcProviders(Vec<ProviderConfig>);

/// What was given is no list of providers that can be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OidcConfigError(String);

/// One provider, as the operator describes it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderConfig {
    /// What it is called in requests and in the audit log.
    pub(super) id: String,
    /// What it is called for people.
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) client_id: String,
    /// Absent of a public client.
    #[serde(default)]
    pub(super) client_secret: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    #[serde(default = "default_scopes")]
    pub(super) scopes: Vec<String>,
    /// Whether its people may register by themselves.
    #[serde(default = "yes")]
    pub(super) registration: bool,
}

fn default_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).into()
}

const fn yes() -> bool {
    true
}

impl OidcProviders {
    /// Reads the file of providers, which holds secrets: it must be this
    /// process's own or root's, and nothing for others.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or a field is wrong.
    pub fn from_file(path: &Path) -> Result<Self, OidcConfigError> {
        let wrong = |why: String| OidcConfigError(why);
        let unreadable =
            |error: std::io::Error| wrong(format!("expected a file that can be read ({error})"));
        let mut file = File::open(path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?;
        if found.uid() != Uid::effective().as_raw() && found.uid() != 0 {
            return Err(wrong("expected a file of the user NEXO runs as, or of root".to_owned()));
        }
        if found.mode() & 0o027 != 0 {
            return Err(wrong(format!(
                "it holds secrets, and others may read or change it (its mode is {:04o}): \
                 expected `chmod 600 {}`",
                found.mode() & 0o7777,
                path.display()
            )));
        }
        let mut text = String::new();
        let read = file.by_ref().take(LONGEST).read_to_string(&mut text);
        read.map_err(unreadable)?;
        Self::from_json(&text)
    }

    /// Reads a list of providers:
    /// `[{"id", "name", "issuer", "client_id", "client_secret", "redirect_uris", "scopes", "registration"}]`.
    ///
    /// # Errors
    /// When a field is missing, unknown or wrong; values are not told, because
    /// one of them may be a secret.
    pub fn from_json(text: &str) -> Result<Self, OidcConfigError> {
        let providers: Vec<ProviderConfig> = serde_json::from_str(text).map_err(|error| {
            let (line, column, told) = (error.line(), error.column(), error.to_string());
            let names_a_field = ["unknown field", "missing field", "duplicate field"]
                .iter()
                .any(|it| told.starts_with(it));
            let what = match told.split(" at line ").next() {
                Some(told) if names_a_field => told.to_owned(),
                _ => "expected a list of providers in JSON, each field of its own type".to_owned(),
            };
            OidcConfigError(format!("line {line}, column {column}: {what}"))
        })?;
        let mut ids = HashSet::new();
        for (at, provider) in providers.iter().enumerate() {
            let wrong = |(field, expected): (String, &str)| {
                OidcConfigError(format!("[{at}].{field}: expected {expected}"))
            };
            provider.check().map_err(wrong)?;
            if !ids.insert(&provider.id) {
                return Err(wrong(("id".to_owned(), "one that no other provider has")));
            }
        }
        Ok(Self(providers))
    }
}

/// For the flag that names the file.
pub(crate) fn read_file(path: &str) -> Result<OidcProviders, String> {
    OidcProviders::from_file(Path::new(path)).map_err(|error| error.to_string())
}

impl OidcProviders {
    pub(super) fn into_inner(self) -> Vec<ProviderConfig> {
        self.0
    }
}

impl ProviderConfig {
    /// The first field that is wrong, and what was expected of it.
    fn check(&self) -> Result<(), (String, &'static str)> {
        let refuse = |field: &str, expected| Err((field.to_owned(), expected));
        let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_".contains(&c);
        if !(1..=64).contains(&self.id.len()) || !self.id.bytes().all(is_plain) {
            return refuse("id", "1 to 64 small letters, digits, - and _");
        }
        if !is_text(&self.name, 100) {
            return refuse("name", "1 to 100 characters");
        }
        if !is_issuer(&self.issuer) {
            return refuse(
                "issuer",
                "a URL such as https://id.example.com, without a query (http:// only of this machine)",
            );
        }
        if !is_text(&self.client_id, 500) {
            return refuse("client_id", "1 to 500 characters");
        }
        if self.client_secret.as_ref().is_some_and(|secret| !is_text(secret, 5000)) {
            return refuse("client_secret", "1 to 5000 characters, or none of a public client");
        }
        if self.redirect_uris.is_empty() {
            return refuse("redirect_uris", "one or more");
        }
        for (at, uri) in self.redirect_uris.iter().enumerate() {
            if !is_redirect(uri) {
                let field = format!("redirect_uris[{at}]");
                return Err((
                    field,
                    "an https:// URL without #, an http:// URL of this machine, or one of an app's own scheme \
                     such as com.example.app:/callback",
                ));
            }
        }
        let is_scope = |scope: &String| {
            !scope.is_empty()
                && scope.bytes().all(|c| c.is_ascii_graphic() && !b"\"\\".contains(&c))
        };
        if !self.scopes.iter().all(is_scope) {
            return refuse("scopes", "names without blanks");
        }
        Ok(())
    }

    /// Whether a sign-in may come back there: exactly to one of those that are
    /// named, but for the port of a loopback address, which programs on people's
    /// own machines cannot choose before (RFC 8252, 7.3).
    pub(super) fn may_redirect_to(&self, uri: &str) -> bool {
        let same = |named: &String| named == uri || is_same_but_for_port(named, uri);
        uri.len() <= 2000 && self.redirect_uris.iter().any(same)
    }

    /// Whether it is on this machine, and may be spoken with in the open.
    pub(super) fn is_here(&self) -> bool {
        Url::parse(&self.issuer).is_ok_and(|url| is_plain_loopback(&url))
    }
}

fn is_text(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

// Without the secret.
impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ProviderConfig");
        debug.field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
