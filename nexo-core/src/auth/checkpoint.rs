//! Checkpoints of audit logs, signed with the keys of access tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::authenticator::Authenticator;
use super::keys;
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{Account, AuditCheckpoint, ErrorCode, Id};

/// What keeps one from passing for an access token, and the other way round.
const TYPE: &str = "nexo-audit+jwt";

/// `$1` the account before these, or null.
const ACCOUNTS: &str =
    "select id from nexo.accounts where $1::uuid is null or id > $1 order by id limit 1000";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    #[serde(flatten)]
    checkpoint: AuditCheckpoint,
}

impl Authenticator {
    /// The checkpoint as a token that this installation has signed.
    ///
    /// # Errors
    /// `internal`, should there be no key that can sign.
    pub fn sign_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<String> {
        let ring = self.ring();
        let claims = Claims {
            iss: self.config().issuer.clone(),
            aud: TYPE.to_owned(),
            checkpoint: checkpoint.clone(),
        };
        let mut header = jsonwebtoken::Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(ring.signing_kid().to_owned());
        encode(&header, &claims, ring.signing_key()).map_err(|error| {
            Error::new(ErrorCode::Internal, "no checkpoint could be signed").because(error)
        })
    }

    /// Reads a checkpoint that this installation has signed, also with a key
    /// that it does not use any more.
    ///
    /// # Errors
    /// `bad_request` for anything else.
    pub async fn read_checkpoint(&self, token: &str) -> Result<AuditCheckpoint> {
        let header = decode_header(token).map_err(|error| refused().because(error))?;
        let kid = header.kid.filter(|_| header.typ.as_deref() == Some(TYPE)).ok_or_else(refused)?;
        let key = keys::public_key(self.identity(), &kid).await?.ok_or_else(refused)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        // It is good for as long as the log is.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss", "aud"]);
        validation.set_issuer(&[&self.config().issuer]);
        validation.set_audience(&[TYPE]);
        let read = decode::<Claims>(token, &DecodingKey::from_ed_der(&key), &validation);
        read.map(|read| read.claims.checkpoint).map_err(|error| refused().because(error))
    }

    /// The ids of up to 1,000 accounts after this one, for an operator's work
    /// on all of them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn account_ids(&self, after: Option<Id<Account>>) -> Result<Vec<Id<Account>>> {
        let calls = [Call { sql: ACCOUNTS, params: &[&after], plan: Once }];
        let rows = self.identity().run(Mode::Read, Sight::NONE, &calls).await?;
        Ok(rows[0].iter().map(|row| row.get(0)).collect())
    }
}

fn refused() -> Error {
    Error::new(ErrorCode::BadRequest, "this is no checkpoint that this installation has signed")
}
