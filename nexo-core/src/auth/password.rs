//! Passwords: what is accepted, and how they are hashed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

use super::config::AuthConfig;
use super::secret::random;
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::model::{ErrorCode, FieldCode, FieldError};

/// Characters, as NIST SP 800-63B-4 asks of a password that is the only factor.
const MIN_CHARS: usize = 15;
/// Bytes. Longer ones are refused, never cut.
const MAX_BYTES: usize = 1024;
/// Characters that are judged. Looking for patterns takes far more than twice
/// as long for twice the length, and so many tell enough.
const JUDGED_CHARS: usize = 32;
/// New passwords that may be judged or wait for it at a time.
const NEW_PASSWORDS: usize = 16;

/// Hashes passwords with argon2id: 19 MiB, 2 passes, 1 lane (OWASP).
///
/// Hashing runs on threads of its own, a few at a time, with a bounded queue: a
/// flood of log-ins can neither exhaust memory nor starve the runtime.
#[derive(Clone)]
pub(super) struct Passwords(Arc<Inner>);

struct Inner {
    argon2: Argon2<'static>,
    /// A thread for each who hashes, and one for who judges.
    workers: Workers,
    /// Whoever is in: hashing or waiting.
    places: Arc<Semaphore>,
    /// Whoever is hashing.
    turns: Arc<Semaphore>,
    /// New passwords that are being judged, or wait for it: apart from the
    /// log-ins, which must not wait for how long a guess at their strength takes.
    judging: Arc<Semaphore>,
    judges: Arc<Semaphore>,
    /// How many may be in, and how many may hash.
    most: (usize, usize),
    /// Those who were turned away.
    refused: AtomicU64,
    /// Verified against when there is no such user, so that it takes as long.
    nobody: String,
}

/// How busy the hashing of passwords is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingCount {
    /// Passwords that are being hashed.
    pub running: usize,
    /// Those that wait for their turn.
    pub waiting: usize,
    /// The most that may wait; more are refused as `overloaded`.
    pub most_waiting: usize,
    /// Those that were refused, since the program began.
    pub refused: u64,
}

/// What verifying a password found.
pub(super) struct Verdict {
    pub(super) matches: bool,
    /// The same password hashed anew, when the stored hash is weaker than
    /// hashes of today.
    pub(super) rehashed: Option<String>,
}

impl Passwords {
    pub(super) fn new(config: &AuthConfig) -> Result<Self> {
        let params = Params::new(19 * 1024, 2, 1, None).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let turns = config.hash_concurrency.max(1);
        let mut inner = Inner {
            nobody: String::new(),
            argon2,
            workers: Workers::start(turns + 1).map_err(failed)?,
            most: (turns + config.hash_queue, turns),
            refused: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(turns + config.hash_queue)),
            turns: Arc::new(Semaphore::new(turns)),
            judging: Arc::new(Semaphore::new(NEW_PASSWORDS)),
            judges: Arc::new(Semaphore::new(1)),
        };
        inner.nobody = inner.hash("nobody's password")?;
        Ok(Self(Arc::new(inner)))
    }

    pub(super) fn count(&self) -> HashingCount {
        let (places, turns) = self.0.most;
        let running = turns.saturating_sub(self.0.turns.available_permits());
        let inside = places.saturating_sub(self.0.places.available_permits());
        HashingCount {
            running,
            // The two are not read at the same moment.
            waiting: inside.saturating_sub(running),
            most_waiting: places - turns,
            refused: self.0.refused.load(Ordering::Relaxed),
        }
    }

    /// Checks a new password and hashes it. `context` has words that it must
    /// not be made of: address, names.
    pub(super) async fn accept(
        &self,
        field: &'static str,
        password: &str,
        context: Vec<String>,
    ) -> Result<String> {
        let refused = |error| Error::invalid(vec![error]);
        let password = normalize(field, password).map_err(refused)?;
        let _queued = self.0.judging.clone().try_acquire_owned().map_err(|_| self.0.busy())?;
        let judge = self.0.judges.clone().acquire_owned().await.map_err(|_| self.0.busy())?;
        let judging = self.0.workers.run(move || {
            let _held = judge;
            check_strength(field, &password, &context).map(|()| password)
        });
        let password = judging.await.ok_or_else(panicked)?.map_err(refused)?;
        let place = self.reserve()?;
        self.work(place, move |inner| inner.hash(&password)).await
    }

    /// The hash of somebody who has no password: none is known to have it, and
    /// comparing with it takes as long as with any.
    pub(super) fn hash_of_none(&self) -> Result<String> {
        let params = self.0.argon2.params();
        let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
        let (salt, hash) = (random()?, random()?);
        let (salt, hash) = (STANDARD_NO_PAD.encode(&salt[..16]), STANDARD_NO_PAD.encode(hash));
        Ok(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}"))
    }

    /// A place among those who hash, or an error at once: asked for before
    /// anything is done that only a hashing can answer for.
    pub(super) fn reserve(&self) -> Result<Place> {
        self.0.places.clone().try_acquire_owned().map(Place).map_err(|_| self.0.busy())
    }

    /// Compares with a stored hash, or, in the same time, with nobody's.
    pub(super) async fn verify(
        &self,
        place: Place,
        password: &str,
        stored: Option<String>,
    ) -> Result<Verdict> {
        // What is too long was never accepted.
        let password = normalize("password", password).unwrap_or_default();
        self.work(place, move |inner| {
            let hash = stored.as_deref().unwrap_or(&inner.nobody);
            let parsed = PasswordHash::new(hash).map_err(failed)?;
            let same = match inner.argon2.verify_password(password.as_bytes(), &parsed) {
                Ok(()) => true,
                // Which says nothing about the password.
                Err(argon2::password_hash::Error::OutOfMemory) => return Err(inner.no_memory()),
                Err(_) => false,
            };
            let matches = same && stored.is_some();
            let rehashed = if matches && inner.is_outdated(&parsed) {
                Some(inner.hash(&password)?)
            } else {
                None
            };
            Ok(Verdict { matches, rehashed })
        })
        .await
    }

    async fn work<R: Send + 'static>(
        &self,
        place: Place,
        job: impl FnOnce(&Inner) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let turn = self.0.turns.clone().acquire_owned().await.map_err(|_| self.0.busy())?;
        let inner = self.0.clone();
        let done = self.0.workers.run(move || {
            // Held until the hashing is over, also when nobody waits for it any more.
            let _held = (place, turn);
            job(&inner)
        });
        done.await.ok_or_else(panicked)?
    }
}

/// The right to hash one password.
pub(super) struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Inner {
    fn busy(&self) -> Error {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Error::new(ErrorCode::Overloaded, "too many log-ins at once")
            .retry_in(std::time::Duration::from_secs(1))
    }

    /// The system gives no memory now, and may later.
    fn no_memory(&self) -> Error {
        self.busy().because(argon2::password_hash::Error::OutOfMemory)
    }

    fn hash(&self, password: &str) -> Result<String> {
        match self.argon2.hash_password(password.as_bytes()) {
            Ok(hash) => Ok(hash.to_string()),
            Err(argon2::password_hash::Error::OutOfMemory) => Err(self.no_memory()),
            Err(error) => Err(failed(error)),
        }
    }

    fn is_outdated(&self, stored: &PasswordHash) -> bool {
        let wanted = self.argon2.params();
        let weaker = |params: &Params| {
            params.m_cost() < wanted.m_cost() || params.t_cost() < wanted.t_cost()
        };
        stored.algorithm != Algorithm::Argon2id.ident()
            || Params::try_from(stored).map_or(true, |params| weaker(&params))
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorCode::Internal, "the password could not be handled").because(error)
}

fn panicked() -> Error {
    failed(std::io::Error::other("its thread panicked"))
}

/// The same password typed on another keyboard is the same password. The
/// length is asked of what was sent, before any work is put into it.
fn normalize(field: &'static str, password: &str) -> Result<String, FieldError> {
    if password.len() > MAX_BYTES {
        let message = format!("must have at most {MAX_BYTES} bytes");
        return Err(FieldError::new(field, FieldCode::TooLong, message));
    }
    Ok(password.nfkc().collect())
}

/// No rules of composition; only length, and that it is not easily guessed: a
/// known password, a pattern, or made of the caller's own names.
fn check_strength(
    field: &'static str,
    password: &str,
    context: &[String],
) -> Result<(), FieldError> {
    let refuse = |code, message: String| Err(FieldError::new(field, code, message));
    if password.chars().count() < MIN_CHARS {
        return refuse(FieldCode::TooShort, format!("must have at least {MIN_CHARS} characters"));
    }
    let start: String = password.chars().take(JUDGED_CHARS).collect();
    let mut words: Vec<&str> = vec!["nexo"];
    words.extend(context.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric())));
    words.extend(context.iter().map(String::as_str));
    words.retain(|word| word.len() > 2);
    if zxcvbn(&start, &words).score() < Score::Three {
        return refuse(
            FieldCode::TooCommon,
            "is easily guessed; choose several words that do not belong together".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str, context: &[&str]) -> Option<FieldCode> {
        let context: Vec<String> = context.iter().map(ToString::to_string).collect();
        normalize("password", password)
            .and_then(|password| check_strength("password", &password, &context))
            .err()
            .map(|error| error.code)
    }

    /// A1: length alone, any characters; A2: no known passwords, no context.
    #[test]
    fn a1_a2_what_is_accepted() {
        assert_eq!(code("correct horse battery", &[]), None);
        assert_eq!(code("žluťoučký kůň úpěl ódy", &[]), None);
        assert_eq!(code(&"Wj3 kf9-".repeat(12), &[]), None);
        assert_eq!(code("short but tricky!"[..14].trim(), &[]), Some(FieldCode::TooShort));
        assert_eq!(code(&"x9 ".repeat(400), &[]), Some(FieldCode::TooLong));
        for common in [
            "passwordpassword",
            "123456789012345",
            "aaaaaaaaaaaaaaaaaaaa",
            "qwertyuiopasdfgh",
            "iloveyouiloveyou",
        ] {
            assert_eq!(code(common, &[]), Some(FieldCode::TooCommon), "{common}");
        }
        assert_eq!(
            code("adalovelace1815", &["adalovelace@example.com"]),
            Some(FieldCode::TooCommon)
        );
        assert_eq!(code("nexonexonexonexo", &[]), Some(FieldCode::TooCommon));
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same_password() {
        let normal = |text| normalize("password", text).expect("short enough");
        assert_eq!(normal("Zoe\u{308} in the garden"), normal("Zo\u{eb} in the garden"));
    }
}
