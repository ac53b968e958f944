//! Codes of a second factor: those of an authenticator app, and those for when it
//! is lost.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use totp_rs::{Builder, Totp};

use super::secret::hash;
use crate::error::{Error, Result};
use crate::model::ErrorCode;

/// What an app and the server share, in bytes: as RFC 4226 recommends.
const SECRET: usize = 20;
/// Codes for when the app is lost.
const RECOVERY_CODES: usize = 10;
/// 32 letters and digits, without those that are taken for others.
const ALPHABET: &[u8; 32] = b"123456789abcdefghjkmnpqrstuvwxyz";

/// What was shown: a code of the app, or one for when it is lost.
pub(super) enum Code {
    /// Of this step of 30 seconds.
    Step(i64),
    /// The hash of it.
    Recovery(Vec<u8>),
}

/// The second factor of a user, as it is stored.
pub(super) struct SecondFactor {
    pub(super) secret: Vec<u8>,
    /// The last step whose code was taken.
    pub(super) step: i64,
}

impl SecondFactor {
    pub(super) fn generate() -> Result<Self> {
        let mut secret = vec![0; SECRET];
        fill(&mut secret)?;
        Ok(Self { secret, step: 0 })
    }

    fn totp(&self, account: &str, issuer: &str) -> Result<Totp> {
        // A colon would end the label of the link.
        let clean = |text: &str| text.replace(':', " ");
        Builder::new()
            .with_secret(self.secret.clone())
            .with_account_name(clean(account))
            .with_issuer(Some(clean(issuer)))
            .build()
            .map_err(broken)
    }

    /// The secret as people type it, and as apps read it from a QR code.
    pub(super) fn told(&self, email: &str, issuer: &str) -> Result<(String, String)> {
        let totp = self.totp(email, issuer)?;
        Ok((totp.secret().to_base32(), totp.to_url().map_err(broken)?))
    }

    /// What the text may be good for: a code of the app that is newer than the
    /// last one, of the time from half a minute ago to half a minute ahead; or,
    /// by its form, one for when the app is lost.
    pub(super) fn read(&self, text: &str) -> Result<Option<Code>> {
        let text: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
            let step = self.totp("x", "x")?.check(&text, now);
            let step = step.and_then(|step| i64::try_from(step).ok());
            return Ok(step.filter(|step| *step > self.step).map(Code::Step));
        }
        let text = text.to_ascii_lowercase();
        let is_one = text.len() == 16 && text.bytes().all(|byte| ALPHABET.contains(&byte));
        Ok(is_one.then(|| Code::Recovery(recovery_hash(&text))))
    }
}

/// Codes as they are told, once, and their hashes: of 80 random bits each.
pub(super) fn recovery_codes() -> Result<(Vec<String>, Vec<Vec<u8>>)> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut random = [0; 16];
        fill(&mut random)?;
        let text: String =
            random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
        codes.push(text);
    }
    let hashes = codes.iter().map(|code| recovery_hash(code)).collect();
    let told =
        codes.iter().map(|it| format!("{}-{}-{}-{}", &it[..4], &it[4..8], &it[8..12], &it[12..]));
    Ok((told.collect(), hashes))
}

fn recovery_hash(code: &str) -> Vec<u8> {
    hash(&[b"nexo recovery code", code.as_bytes()]).to_vec()
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    rand::fill(bytes)
        .map_err(|_| Error::new(ErrorCode::Internal, "the system gives no random numbers"))
}

fn broken(error: totp_rs::TotpError) -> Error {
    Error::new(ErrorCode::Internal, "the second factor cannot be read").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_read_back_however_they_are_typed() {
        let factor = SecondFactor::generate().expect("random");
        let (codes, hashes) = recovery_codes().expect("random");
        assert_eq!((codes.len(), hashes.len()), (10, 10));
        for typed in [codes[0].clone(), codes[0].to_uppercase(), codes[0].replace('-', " ")] {
            let read = factor.read(&typed).expect("read");
            assert!(matches!(read, Some(Code::Recovery(hash)) if hash == hashes[0]), "{typed}");
        }
        for typed in ["", "abc", "12345", "1234567", "000000000000000o", "𝟏𝟐𝟑𝟒𝟓𝟔"]
        {
            assert!(factor.read(typed).expect("read").is_none(), "{typed}");
        }
    }

    #[test]
    fn the_link_names_the_user_and_the_service() {
        let factor = SecondFactor { secret: b"12345678901234567890".to_vec(), step: 0 };
        let (secret, uri) = factor.told("ada@example.com", "nexo: crm").expect("told");
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(uri.starts_with("otpauth://totp/"), "{uri}");
        assert!(uri.contains(&secret) && uri.contains("ada%40example"), "{uri}");
    }
}
