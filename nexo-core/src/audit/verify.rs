//! Whether the log still tells what was sealed.

use std::collections::{HashMap, HashSet};
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error as PgError, Row};
use uuid::Uuid;

use super::AuditRepository;
use crate::db::{Access, Call, Executor, translate};
use crate::error::Result;
use crate::model::{AuditCheckpoint, AuditEntry, Id, Permission, Permissions};
use crate::tenant::TenantScope;

/// `$2` the block before these, `$3` how many.
const BLOCKS: &str =
    "select seq, sealed_at, tx, last_id, entries, digests, hash from nexo.audit_seals
     where account_id = $1 and seq > $2 order by seq limit $3";
const LAST: &str = "select seq, sealed_at, hash from nexo.audit_seals
     where account_id = $1 order by seq desc limit 1";
/// `$2` entries.
const DIGESTS: &str = "select e.id, nexo.audit_digest(e) from nexo.audit_log e
     where e.account_id = $1 and e.id = any($2)";
/// `$2` and `$3` the place of the last one that is sealed.
const COUNT: &str = "select count(*) filter (where (tx, id) <= ($2, $3)),
         count(*) filter (where (tx, id) > ($2, $3))
     from nexo.audit_log where account_id = $1";
/// `$2` and `$3` the place before, `$4` and `$5` the last, `$6` how many.
const PLACES: &str = "select tx, id from nexo.audit_log
     where account_id = $1 and (tx, id) > ($2, $3) and (tx, id) <= ($4, $5) order by tx, id limit $6";

/// Planned each time: how many there are tells which way is shorter.
const DIGESTS_TYPES: &[Type] = &[Type::UUID, Type::UUID_ARRAY];
const COUNT_TYPES: &[Type] = &[Type::UUID, Type::INT8, Type::UUID];
const PLACES_TYPES: &[Type] =
    &[Type::UUID, Type::INT8, Type::UUID, Type::INT8, Type::UUID, Type::INT8];

/// Blocks that are read at a time.
const BLOCKS_A_PAGE: i64 = 20;
const PLACES_A_PAGE: i64 = 10_000;

/// What was found in an account's audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The entries that are as they were sealed.
    pub entries: u64,
    /// Those that are not sealed yet, of which nothing can be told.
    pub unsealed: u64,
    /// The last block: to be kept where nobody who can write to the database
    /// can write to it.
    pub checkpoint: Option<AuditCheckpoint>,
    /// The first thing that is wrong.
    pub fault: Option<AuditFault>,
}

/// Something that is not as it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditFault {
    /// An entry was changed.
    Changed(Id<AuditEntry>),
    /// An entry was removed.
    Removed(Id<AuditEntry>),
    /// An entry was put between those that were sealed.
    Inserted(Id<AuditEntry>),
    /// A block was changed, removed or put in.
    Block(i64),
    /// The log ends before the block of the checkpoint, or has another one.
    Checkpoint(i64),
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(id) => write!(f, "entry {id} was changed"),
            Self::Removed(id) => write!(f, "entry {id} was removed"),
            Self::Inserted(id) => write!(f, "entry {id} was inserted"),
            Self::Block(seq) => write!(f, "seal {seq} was changed, removed or inserted"),
            Self::Checkpoint(seq) => {
                write!(f, "seal {seq} of the checkpoint is not there or another one")
            }
        }
    }
}

struct Block {
    checkpoint: AuditCheckpoint,
    place: (i64, Uuid),
    entries: Vec<Uuid>,
    digests: Vec<Vec<u8>>,
    hash: Vec<u8>,
}

impl AuditRepository {
    /// Compares every sealed entry of the scope's account with its seal, and
    /// the seals with each other and with a checkpoint of before, if there is
    /// one.
    ///
    /// This finds what was changed, removed or inserted by somebody who did not
    /// make all later seals anew; with a checkpoint that was kept elsewhere,
    /// also what was changed before it by somebody who did, and that the end of
    /// the log is missing. It cannot find what was wrong when it was sealed, nor
    /// anything of what is not sealed.
    ///
    /// # Errors
    /// `forbidden` without `audit:read` and the right to read everything else;
    /// when the database is away.
    pub async fn verify(
        &self,
        scope: &TenantScope,
        kept: Option<&AuditCheckpoint>,
    ) -> Result<Verified> {
        let mut found = Verified { entries: 0, unsealed: 0, checkpoint: None, fault: None };
        let (mut hash, mut place) = (Vec::new(), (-1, Uuid::nil()));
        let mut kept = kept.filter(|kept| kept.account_id == scope.account_id());
        let mut seq = 0;
        loop {
            let blocks = self.blocks(scope, seq).await?;
            if blocks.is_empty() {
                break;
            }
            let digests = self.digests(scope, &blocks).await?;
            for block in blocks {
                let checkpoint = &block.checkpoint;
                found.fault = check(&block, seq + 1, &hash, &digests);
                if let Some(expected) = kept.take_if(|kept| kept.seq == checkpoint.seq)
                    && found.fault.is_none()
                    && expected.hash != checkpoint.hash
                {
                    found.fault = Some(AuditFault::Checkpoint(expected.seq));
                }
                if found.fault.is_some() {
                    return Ok(found);
                }
                found.entries += block.entries.len() as u64;
                (seq, place, hash) = (checkpoint.seq, block.place, block.hash);
                found.checkpoint = Some(block.checkpoint);
            }
        }
        if let Some(missing) = kept {
            found.fault = Some(AuditFault::Checkpoint(missing.seq));
            return Ok(found);
        }
        let params: [&(dyn ToSql + Sync); 2] = [&place.0, &place.1];
        let counted =
            self.read(scope, &[Call::planned_each_time(COUNT, COUNT_TYPES, &params)]).await?;
        let (sealed, unsealed): (i64, i64) = pair(&counted[0][0]).map_err(translate)?;
        found.unsealed = unsealed.try_into().unwrap_or(0);
        if u64::try_from(sealed).unwrap_or(0) != found.entries {
            found.fault = self.inserted(scope, place).await?.map(AuditFault::Inserted);
        }
        Ok(found)
    }

    /// The last seal of the scope's account, after sealing what can be; absent
    /// while there is none.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn checkpoint(&self, scope: &TenantScope) -> Result<Option<AuditCheckpoint>> {
        scope.require(everything())?;
        self.database.seal(scope.account_id()).await?;
        let rows = self.read(scope, &[Call::new(LAST, &[])]).await?;
        let read = |row: &Row| -> Result<AuditCheckpoint, PgError> {
            let (seq, at, hash) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(AuditCheckpoint { account_id: scope.account_id(), seq, hash: hex(hash), at })
        };
        rows[0].first().map(read).transpose().map_err(translate)
    }

    async fn read(&self, scope: &TenantScope, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        self.database.scoped(scope).run(Access::read(everything()), calls).await
    }

    async fn blocks(&self, scope: &TenantScope, after: i64) -> Result<Vec<Block>> {
        let params: [&(dyn ToSql + Sync); 2] = [&after, &BLOCKS_A_PAGE];
        let rows = self.read(scope, &[Call::new(BLOCKS, &params)]).await?;
        let block = |row: &Row| -> Result<Block, PgError> {
            let hash: Vec<u8> = row.try_get(6)?;
            Ok(Block {
                checkpoint: AuditCheckpoint {
                    account_id: scope.account_id(),
                    seq: row.try_get(0)?,
                    at: row.try_get(1)?,
                    hash: hex(&hash),
                },
                place: (row.try_get(2)?, row.try_get(3)?),
                entries: row.try_get(4)?,
                digests: row.try_get(5)?,
                hash,
            })
        };
        rows[0].iter().map(block).collect::<Result<_, _>>().map_err(translate)
    }

    /// The digests of the entries as they are now.
    async fn digests(
        &self,
        scope: &TenantScope,
        blocks: &[Block],
    ) -> Result<HashMap<Uuid, Vec<u8>>> {
        let wanted: Vec<Uuid> = blocks.iter().flat_map(|block| block.entries.clone()).collect();
        let rows = self
            .read(scope, &[Call::planned_each_time(DIGESTS, DIGESTS_TYPES, &[&wanted])])
            .await?;
        rows[0].iter().map(pair).collect::<Result<_, _>>().map_err(translate)
    }

    /// The first entry up to that place that no block has.
    async fn inserted(
        &self,
        scope: &TenantScope,
        last: (i64, Uuid),
    ) -> Result<Option<Id<AuditEntry>>> {
        let mut sealed = HashSet::new();
        let mut seq = 0;
        loop {
            let blocks = self.blocks(scope, seq).await?;
            let Some(newest) = blocks.last() else { break };
            seq = newest.checkpoint.seq;
            sealed.extend(blocks.iter().flat_map(|block| block.entries.iter().copied()));
        }
        let mut place = (-1i64, Uuid::nil());
        loop {
            let params: [&(dyn ToSql + Sync); 5] =
                [&place.0, &place.1, &last.0, &last.1, &PLACES_A_PAGE];
            let rows =
                self.read(scope, &[Call::planned_each_time(PLACES, PLACES_TYPES, &params)]).await?;
            let Some(end) = rows[0].last() else { return Ok(None) };
            for row in &rows[0] {
                let (_, id): (i64, Uuid) = pair(row).map_err(translate)?;
                if !sealed.contains(&id) {
                    return Ok(Some(Id::from_uuid(id)));
                }
            }
            place = pair(end).map_err(translate)?;
        }
    }
}

/// The first thing that is wrong with a block, which is to follow the one with
/// this hash.
fn check(
    block: &Block,
    seq: i64,
    before: &[u8],
    digests: &HashMap<Uuid, Vec<u8>>,
) -> Option<AuditFault> {
    let mut hash = Context::new(&SHA256);
    hash.update(before);
    hash.update(&seq.to_be_bytes());
    for (id, digest) in block.entries.iter().zip(&block.digests) {
        hash.update(id.as_bytes());
        hash.update(digest);
    }
    let whole = block.entries.len() == block.digests.len();
    if block.checkpoint.seq != seq || !whole || hash.finish().as_ref() != block.hash {
        return Some(AuditFault::Block(seq));
    }
    block.entries.iter().zip(&block.digests).find_map(|(id, sealed)| match digests.get(id) {
        None => Some(AuditFault::Removed(Id::from_uuid(*id))),
        Some(digest) => (digest != sealed).then(|| AuditFault::Changed(Id::from_uuid(*id))),
    })
}

/// Whoever verifies must see every entry, or some would seem to be removed.
fn everything() -> Permissions {
    let reads = |it: &Permission| it.as_str().ends_with(":read") || *it == Permission::ImportRun;
    Permission::ALL.iter().copied().filter(reads).collect()
}

fn pair<'a, A, B>(row: &'a Row) -> Result<(A, B), PgError>
where
    A: tokio_postgres::types::FromSql<'a>,
    B: tokio_postgres::types::FromSql<'a>,
{
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
