//! Whether the log still tells what was sealed.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error as PgError, Row};
use uuid::Uuid;

use super::AuditRepository;
use super::chain::{Anchor, AuditFault, Block, Entry, Erasure, Place, compare, hex};
use crate::db::{Access, Call, Executor, translate};
use crate::error::Result;
use crate::model::{AuditCheckpoint, Permissions};
use crate::tenant::TenantScope;

/// `$2` the block before these, `$3` how many.
const BLOCKS: &str =
    "select seq, sealed_at, epoch, tx, last_id, entries, digests, hash from nexo.audit_seals
     where account_id = $1 and seq > $2 order by seq limit $3";
const FIRST: &str = "select min(seq) from nexo.audit_seals where account_id = $1";
const LAST: &str = "select seq, sealed_at, hash from nexo.audit_seals
     where account_id = $1 order by seq desc limit 1";
/// `$2` the last block that is gone, as an entry tells. The newest: there are two
/// only when blocks that were gone have come back.
const ANCHOR: &str = "select id, decode(after ->> 'hash', 'hex'), (after ->> 'sealed_at')::timestamptz,
         (after ->> 'sealed_at')::timestamptz <= at - make_interval(days => (after ->> 'retention_days')::int)
             and (after ->> 'retention_days')::int >= 30
     from nexo.audit_log
     where account_id = $1 and action = 'expire' and (after ->> 'seq')::bigint = $2 order by id desc limit 1";
/// `$2` to `$4` the place before these, `$5` to `$7` the last one's. The digest
/// is `nexo.audit_digest`'s, written out: whoever verifies does not ask the
/// database's own function for it. Then whether fields are said to be erased,
/// whether an entry tells so, and the digest that it has of what is left, if the
/// entry is of those whose own digest does not tell.
const ENTRIES: &str = "select e.id, e.epoch, e.tx, sha256(convert_to(case
         when e.salt is null and e.content_digest is null then
             jsonb_build_array(e.account_id, e.id, extract(epoch from e.at), e.tx, e.action, e.subject, e.record_id,
                 e.user_id, e.session_id, e.reason, e.request_id, e.ip, e.user_agent, e.before, e.after)
             || case when e.key_id is null then '[]' else jsonb_build_array(e.key_id) end
         else
             jsonb_build_array(2, e.account_id, e.id, extract(epoch from e.at), e.epoch, e.tx, e.action, e.subject,
                 e.record_id, e.user_id, e.session_id, e.key_id, e.reason, e.request_id, e.ip, e.user_agent,
                 encode(case when e.salt is null and e.before is null and e.after is null then e.content_digest
                     else sha256(convert_to(jsonb_build_array(e.salt, e.before, e.after)::text, 'UTF8')) end, 'hex'))
         end::text, 'UTF8')),
         e.erased_by is not null or e.content_digest is not null,
         coalesce(by.after -> 'erased' ? e.id::text, false),
         case when e.content_digest is null then decode(by.after -> 'erased' ->> e.id::text, 'hex') end
     from nexo.audit_log e
     left join nexo.audit_log by on by.account_id = $1 and by.id = e.erased_by and by.action = 'erase'
     where e.account_id = $1 and (e.epoch, e.tx, e.id) > ($2, $3, $4) and (e.epoch, e.tx, e.id) <= ($5, $6, $7)
     order by e.epoch, e.tx, e.id";
/// `$2` to `$4` the place of the last one that is sealed.
const UNSEALED: &str = "select count(*) from nexo.audit_log
     where account_id = $1 and (epoch, tx, id) > ($2, $3, $4)";
/// Planned each time: one plan for all places would look at what is before them.
const ENTRIES_TYPES: &[Type] =
    &[Type::UUID, Type::INT4, Type::INT8, Type::UUID, Type::INT4, Type::INT8, Type::UUID];
const UNSEALED_TYPES: &[Type] = &[Type::UUID, Type::INT4, Type::INT8, Type::UUID];

/// Blocks that are read at a time.
const BLOCKS_A_PAGE: i64 = 20;

/// What was found in an account's audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The entries that are as they were sealed.
    pub entries: u64,
    /// Those among them whose fields were erased, as another entry tells: what
    /// they had been cannot be told any more.
    pub erased: u64,
    /// The last seal that is gone because its entries were older than the account
    /// keeps them, as an entry tells; absent while the log is whole.
    pub expired: Option<i64>,
    /// Those that are not sealed yet, of which nothing can be told.
    pub unsealed: u64,
    /// The last block: to be kept where nobody who can write to the database
    /// can write to it.
    pub checkpoint: Option<AuditCheckpoint>,
    /// The first thing that is wrong.
    pub fault: Option<AuditFault>,
}

impl AuditRepository {
    /// Compares every sealed entry of the scope's account with its seal, and
    /// the seals with each other and with checkpoints of before.
    ///
    /// This finds what was changed, removed or inserted by somebody who did not
    /// make all later seals anew; with checkpoints that were kept elsewhere,
    /// also what was changed before them by somebody who did, and that the end
    /// of the log is missing. It cannot find what was wrong when it was sealed,
    /// nor anything of what is not sealed, was erased, or went for its age.
    ///
    /// # Errors
    /// `forbidden` for whoever may not do everything, since they would not see
    /// everything; when the database is away.
    pub async fn verify(&self, scope: &TenantScope, kept: &[AuditCheckpoint]) -> Result<Verified> {
        loop {
            let gone = self.gone(scope).await?;
            let found = self.verify_after(scope, gone, kept).await?;
            // What went for its age meanwhile is looked at from its new beginning.
            if found.fault.is_none() || self.gone(scope).await? == gone {
                return Ok(found);
            }
        }
    }

    /// As [`verify`](Self::verify), behind the last seal that is gone.
    async fn verify_after(
        &self,
        scope: &TenantScope,
        gone: Option<i64>,
        kept: &[AuditCheckpoint],
    ) -> Result<Verified> {
        let mut found = Verified::default();
        let (mut hash, mut place) = (Vec::new(), (0, -1, Uuid::nil()));
        let mut seq = 0;
        if let Some(gone) = gone {
            // By nothing but such an entry the chain begins later than at its beginning.
            let Some(anchor) = self.anchor(scope, gone).await? else {
                found.fault = Some(AuditFault::Block(1));
                return Ok(found);
            };
            found.fault = anchor.fault(kept);
            if found.fault.is_some() {
                return Ok(found);
            }
            (seq, hash, found.expired) = (anchor.seq, anchor.hash, Some(anchor.seq));
        }
        loop {
            let page = self.blocks(scope, seq).await?;
            if page.is_empty() {
                break;
            }
            // Those that follow each other as they should; the first that does not is told
            // after what is wrong with the entries before it.
            let (mut good, mut fault, before) = (Vec::new(), None, place);
            for block in page {
                let Some(block) = block.filter(|it| it.follows(seq + 1, &hash, place)) else {
                    fault = Some(AuditFault::Block(seq + 1));
                    break;
                };
                let checkpoint = &block.checkpoint;
                (seq, place) = (checkpoint.seq, block.place);
                hash.clone_from(&block.hash);
                let is_another =
                    kept.iter().any(|kept| kept.seq == seq && kept.hash != checkpoint.hash);
                good.push(block);
                if is_another {
                    fault = Some(AuditFault::Checkpoint(seq));
                    break;
                }
            }
            let entries = self.entries(scope, before, place).await?;
            found.fault = compare(&good, &entries).or(fault);
            if found.fault.is_some() {
                return Ok(found);
            }
            found.entries += entries.len() as u64;
            found.erased += entries.iter().filter(|it| it.erasure.is_some()).count() as u64;
            found.checkpoint = good.pop().map(|block| block.checkpoint);
        }
        let missing = kept.iter().filter(|kept| kept.seq > seq).map(|kept| kept.seq).min();
        let foreign = kept.iter().find(|kept| kept.account_id != scope.account_id());
        found.fault = foreign.map(|kept| kept.seq).or(missing).map(AuditFault::Checkpoint);
        let params: [&(dyn ToSql + Sync); 3] = [&place.0, &place.1, &place.2];
        let count = Call::planned_each_time(UNSEALED, UNSEALED_TYPES, &params);
        let unsealed: i64 =
            self.read(scope, &[count]).await?[0][0].try_get(0).map_err(translate)?;
        found.unsealed = unsealed.try_into().unwrap_or(0);
        Ok(found)
    }

    /// The last seal of the scope's account, after sealing what can be; absent
    /// while there is none.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn checkpoint(&self, scope: &TenantScope) -> Result<Option<AuditCheckpoint>> {
        self.database.scoped_to_account(scope).permit(Permissions::ALL).await?;
        self.database.seal(scope.account_id()).await?;
        let rows = self.read(scope, &[Call::new(LAST, &[])]).await?;
        let read = |row: &Row| -> Result<AuditCheckpoint, PgError> {
            let (seq, at, hash) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(AuditCheckpoint { account_id: scope.account_id(), seq, hash: hex(hash), at })
        };
        rows[0].first().map(read).transpose().map_err(translate)
    }

    async fn read(&self, scope: &TenantScope, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        self.database.scoped_to_account(scope).run(Access::read(Permissions::ALL), calls).await
    }

    /// The number of the last seal that is not there any more, if the first is not.
    async fn gone(&self, scope: &TenantScope) -> Result<Option<i64>> {
        let rows = self.read(scope, &[Call::new(FIRST, &[])]).await?;
        let first: Option<i64> = rows[0][0].try_get(0).map_err(translate)?;
        Ok(first.map(|seq| seq - 1).filter(|gone| *gone != 0))
    }

    /// What an entry tells of the seal that is said to be the last that is gone;
    /// nothing of one that cannot be read.
    async fn anchor(&self, scope: &TenantScope, seq: i64) -> Result<Option<Anchor>> {
        let rows = self.read(scope, &[Call::new(ANCHOR, &[&seq])]).await?;
        let anchor = |row: &Row| -> Result<Anchor, PgError> {
            let (id, hash, sealed_at) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(Anchor { id, seq, hash, sealed_at, is_in_time: row.try_get(3)? })
        };
        Ok(rows[0].first().and_then(|row| anchor(row).ok()))
    }

    /// The blocks after this one; none in the place of one that cannot be read.
    async fn blocks(&self, scope: &TenantScope, after: i64) -> Result<Vec<Option<Block>>> {
        let params: [&(dyn ToSql + Sync); 2] = [&after, &BLOCKS_A_PAGE];
        let rows = self.read(scope, &[Call::new(BLOCKS, &params)]).await?;
        let block = |row: &Row| -> Result<Block, PgError> {
            let hash: Vec<u8> = row.try_get(7)?;
            Ok(Block {
                checkpoint: AuditCheckpoint {
                    account_id: scope.account_id(),
                    seq: row.try_get(0)?,
                    at: row.try_get(1)?,
                    hash: hex(&hash),
                },
                place: (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?),
                entries: row.try_get(5)?,
                digests: row.try_get(6)?,
                hash,
            })
        };
        Ok(rows[0].iter().map(|row| block(row).ok()).collect())
    }

    /// The entries behind one place, up to another.
    async fn entries(&self, scope: &TenantScope, after: Place, to: Place) -> Result<Vec<Entry>> {
        let params: [&(dyn ToSql + Sync); 6] = [&after.0, &after.1, &after.2, &to.0, &to.1, &to.2];
        let call = Call::planned_each_time(ENTRIES, ENTRIES_TYPES, &params);
        let rows = self.read(scope, &[call]).await?;
        let entry = |row: &Row| -> Result<Entry, PgError> {
            let (id, is_erased): (Uuid, bool) = (row.try_get(0)?, row.try_get(4)?);
            let erasure = Erasure { is_told: row.try_get(5)?, left: row.try_get(6)? };
            Ok(Entry {
                id,
                place: (row.try_get(1)?, row.try_get(2)?, id),
                digest: row.try_get(3)?,
                erasure: Some(erasure).filter(|_| is_erased),
            })
        };
        rows[0].iter().map(entry).collect::<Result<_, _>>().map_err(translate)
    }
}
