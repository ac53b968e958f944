//! Entries go when they are older than the account keeps them, and sealing goes
//! on in another PostgreSQL.

use nexo_core::model::{
    AccountSettingsPatch, AuditAction, AuditCheckpoint, AuditParams, BuiltInRole, Change, Client,
    ErrorCode, NewClient,
};
use nexo_core::testing::Tenant;
use nexo_core::tokio_postgres::error::SqlState;
use nexo_core::{AuditFault, Database};

use super::World;

/// Makes all seals anew, as somebody could who owns the database.
const RESEAL: &str = "do $$
declare
    s record;
    account uuid;
    before bytea;
begin
    for s in select * from nexo.audit_seals order by account_id, seq loop
        if s.account_id is distinct from account then
            account := s.account_id;
            -- From where the log begins, as it tells.
            before := coalesce((select decode(l.after ->> 'hash', 'hex') from nexo.audit_log l
                where l.account_id = account and l.action = 'expire' and (l.after ->> 'seq')::bigint = s.seq - 1), '');
        end if;
        s.digests := array(select nexo.audit_digest(l) from unnest(s.entries) with ordinality as e (id, nth)
            join nexo.audit_log l on l.account_id = account and l.id = e.id order by nth);
        before := sha256(before || uuid_send(account) || int8send(s.seq)
            || int8send((extract(epoch from s.sealed_at) * 1000000)::bigint)
            || case when s.epoch > 1 then int4send(s.epoch) else '' end || int8send(s.tx) || uuid_send(s.last_id)
            || (select string_agg(uuid_send(e.id) || e.digest, '' order by nth)
                from unnest(s.entries, s.digests) with ordinality as e (id, digest, nth)));
        update nexo.audit_seals set digests = s.digests, hash = before where account_id = account and seq = s.seq;
    end loop;
end
$$";

impl World {
    pub(super) async fn execute(&self, sql: &str) {
        let superuser = self.test.superuser().await;
        superuser.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// As if everything that is sealed had been so long ago.
    async fn age(&self, days: i32) {
        let by = format!("interval '{days} days'");
        self.execute(&format!(
            "update nexo.audit_log set at = at - {by} where id in (select unnest(entries) from nexo.audit_seals);
             update nexo.audit_seals set sealed_at = sealed_at - {by}"
        ))
        .await;
        self.execute(RESEAL).await;
    }

    pub(super) async fn keep_for(&self, days: Change<i32>) {
        let patch =
            AccountSettingsPatch { audit_retention_days: days, ..AccountSettingsPatch::default() };
        self.database.settings().patch(&self.owner.scope, &patch).await.expect("set");
    }

    pub(super) async fn expire(&self) {
        self.database.expire_audit_log(self.owner.scope.account_id()).await.expect("done");
    }

    /// Two blocks of 40 days ago and one of now.
    pub(super) async fn two_old_blocks() -> (Self, [AuditCheckpoint; 3]) {
        let world = Self::create().await;
        let mut kept = Vec::new();
        for _ in 0..2 {
            world.make(2).await;
            world.seal().await;
        }
        world.age(40).await;
        world.make(1).await;
        world.seal().await;
        let superuser = world.test.superuser().await;
        let seals = "select seq, encode(hash, 'hex'), sealed_at from nexo.audit_seals order by seq";
        for row in superuser.query(seals, &[]).await.expect("read") {
            kept.push(AuditCheckpoint {
                account_id: world.owner.scope.account_id(),
                seq: row.get(0),
                hash: row.get(1),
                at: row.get(2),
            });
        }
        (world, kept.try_into().expect("three"))
    }
}

/// What is older goes in whole blocks, told in the log; what is younger, and
/// the chain, stay.
#[tokio::test]
async fn r29_what_is_older_goes_and_is_told() {
    let (world, kept) = World::two_old_blocks().await;
    let before = world.log(&AuditParams::default()).await;
    // Kept for ever, or longer: nothing goes.
    world.expire().await;
    world.keep_for(41.into()).await;
    world.expire().await;
    let all = world.verify(&kept).await;
    assert_eq!((all.entries as usize, all.expired, all.fault), (before.len(), None, None));

    world.keep_for(30.into()).await;
    world.expire().await;
    let log = world.log(&AuditParams::default()).await;
    let told = log.last().expect("an entry");
    assert_eq!((told.action, told.subject.as_str()), (AuditAction::Expire, "audit_log"));
    assert_eq!(told.reason.as_deref(), Some("remove what is older than the account keeps"));
    let after = told.after.as_ref().expect("told");
    let gone = before.len() - 1;
    assert_eq!(
        (&after["entries"], &after["blocks"], &after["seq"]),
        (&gone.into(), &2.into(), &2.into())
    );
    assert_eq!(
        (&after["hash"], &after["retention_days"]),
        (&kept[1].hash.clone().into(), &30.into())
    );
    // The youngest before, two settings, and what was told.
    assert_eq!(log.len(), 4);
    let found = world.verify(&kept).await;
    assert_eq!((found.entries, found.unsealed, found.expired, found.fault), (1, 3, Some(2), None));

    // Once, and what was told is sealed like the rest.
    world.expire().await;
    world.seal().await;
    let found = world.verify(&kept).await;
    assert_eq!((found.entries, found.unsealed, found.expired, found.fault), (4, 0, Some(2), None));
    assert_eq!(found.checkpoint.expect("sealed").seq, 4);

    // It goes on from there: the entry that told of it goes as the others do, but the
    // last block never.
    world.age(40).await;
    world.make(1).await;
    world.seal().await;
    world.expire().await;
    let found = world.verify(&[]).await;
    assert_eq!((found.entries, found.expired, found.fault), (1, Some(4), None));
    world.seal().await;
    world.age(80).await;
    world.expire().await;
    let found = world.verify(&[]).await;
    assert_eq!((found.entries, found.expired, found.fault), (1, Some(5), None));
}

/// Another account's log is none of it.
#[tokio::test]
async fn r29_each_account_keeps_its_own() {
    let (world, _) = World::two_old_blocks().await;
    let other = Tenant::register(&world.authenticator).await.scope;
    let patch = AccountSettingsPatch { audit_retention_days: 30.into(), ..Default::default() };
    world.database.settings().patch(&other, &patch).await.expect("set");
    let before = world.log(&AuditParams::default()).await;
    world.database.expire_audit_log(other.account_id()).await.expect("done");
    world.expire().await;
    assert_eq!(world.log(&AuditParams::default()).await, before);
}

/// A beginning that is missing is accepted as the log tells of it, and not
/// otherwise.
#[tokio::test]
async fn a_beginning_that_nothing_tells_of_is_tampering() {
    let (world, kept) = World::two_old_blocks().await;
    let remove = |seq: i64| {
        format!(
            "delete from nexo.audit_log where id in (select unnest(entries) from nexo.audit_seals where seq <= {seq});
             delete from nexo.audit_seals where seq <= {seq}"
        )
    };
    world.execute("create table kept_log as table nexo.audit_log; create table kept_seals as table nexo.audit_seals").await;
    world.execute(&remove(1)).await;
    assert_eq!(world.verify(&[]).await.fault, Some(AuditFault::Block(1)));
    let restore = "truncate nexo.audit_log, nexo.audit_seals;
        insert into nexo.audit_log select * from kept_log; insert into nexo.audit_seals select * from kept_seals";
    world.execute(restore).await;
    assert_eq!(world.verify(&kept).await.fault, None);

    world.keep_for(30.into()).await;
    world.expire().await;
    world.make(1).await;
    world.seal().await;
    let told = world
        .log(&AuditParams { action: Some(AuditAction::Expire), ..AuditParams::default() })
        .await;
    let told = told[0].id;
    assert_eq!(world.verify(&kept).await.fault, None);
    world
        .execute(
            "drop table kept_log, kept_seals; create table kept_log as table nexo.audit_log;
             create table kept_seals as table nexo.audit_seals",
        )
        .await;
    let change = |of: &str| {
        format!(
            "update nexo.audit_log set after = after || jsonb_build_object({of}) where action = 'expire'"
        )
    };
    for (tampering, fault) in [
        (remove(3), AuditFault::Block(1)),
        (change("'seq', 1"), AuditFault::Block(1)),
        (change("'hash', repeat('00', 32)"), AuditFault::Block(3)),
        (change("'sealed_at', at - interval '29 days'"), AuditFault::Expired(told)),
        (change("'retention_days', 1"), AuditFault::Expired(told)),
        (change("'entries', 1"), AuditFault::Changed(told)),
        ("delete from nexo.audit_log where action = 'expire'".to_owned(), AuditFault::Block(1)),
        // What is put before the beginning.
        ("insert into nexo.audit_log (id, account_id, epoch, tx, action, subject)
             select '00000000-0000-7000-8000-000000000001', account_id, 1, 1, 'delete', 'clients' from nexo.audit_seals limit 1".to_owned(),
         AuditFault::Inserted(nexo_core::model::Id::from_uuid("00000000-0000-7000-8000-000000000001".parse().expect("an id")))),
    ] {
        world.execute(&tampering).await;
        assert_eq!(world.verify(&[]).await.fault, Some(fault), "{tampering}");
        world.execute(restore).await;
        assert_eq!(world.verify(&kept).await.fault, None, "{tampering}");
    }
    // Checkpoints of what is gone tell what can still be told.
    let another = AuditCheckpoint { hash: "00".repeat(32), ..kept[1].clone() };
    assert_eq!(world.verify(&[another]).await.fault, Some(AuditFault::Checkpoint(2)));
    let later = AuditCheckpoint { at: kept[2].at, ..kept[0].clone() };
    assert_eq!(world.verify(&[later]).await.fault, Some(AuditFault::Checkpoint(1)));
}

/// R28, R29: nobody removes entries but by that door, which opens for nothing that is
/// younger, and for no member.
#[tokio::test]
async fn r29_nobody_else_removes_entries() {
    let (world, _) = World::two_old_blocks().await;
    let account = world.owner.scope.account_id();
    let begin = |permissions: &str| {
        format!(
            "begin; set local nexo.account_id = '{account}'; select set_config('nexo.permissions', ({permissions})::text, true)"
        )
    };
    let app = world.test.as_app().await;
    for statement in [
        "delete from nexo.audit_log",
        "delete from nexo.audit_seals",
        "set role nexo_keeper",
        "update nexo.audit_log set before = null",
        "update nexo.audit_log set erased_by = id",
    ] {
        app.batch_execute(&begin("-1")).await.expect("begun");
        let refused = app.batch_execute(statement).await.expect_err(statement);
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        app.batch_execute("rollback").await.expect("ended");
    }
    for permissions in ["0", "nexo.role_permissions('admin')"] {
        app.batch_execute(&begin(permissions)).await.expect("begun");
        let refused = app.batch_execute("select nexo.expire_audit()").await.expect_err("refused");
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{permissions}");
        app.batch_execute("rollback").await.expect("ended");
    }
    let auth = world.test.as_auth().await;
    auth.batch_execute(&begin("-1")).await.expect("begun");
    let refused = auth.batch_execute("select nexo.expire_audit()").await.expect_err("refused");
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}

/// The setting: from 30 days, an owner's, and told.
#[tokio::test]
async fn how_long_the_log_is_kept_is_an_owners_to_say() {
    let world = World::create().await;
    let settings = world.database.settings();
    let patch = |days: Change<i32>| AccountSettingsPatch {
        audit_retention_days: days,
        ..AccountSettingsPatch::default()
    };
    for days in [29, 0, -30, 36_501] {
        let refused = settings.patch(&world.owner.scope, &patch(days.into())).await;
        let refused = refused.expect_err("out of range");
        assert_eq!(refused.fields()[0].field, "audit_retention_days", "{days}");
    }
    let admin =
        Tenant::join(&world.database, &world.authenticator, &world.owner.scope, BuiltInRole::Admin);
    let refused = settings.patch(&admin.await.scope, &patch(30.into())).await;
    assert_eq!(refused.expect_err("refused").code(), ErrorCode::Forbidden);
    let set = settings.patch(&world.owner.scope, &patch(365.into())).await.expect("set");
    assert_eq!(set.audit_retention_days, Some(365));
    let kept = settings.patch(&world.owner.scope, &patch(Change::Keep)).await.expect("kept");
    assert_eq!(kept.audit_retention_days, Some(365));
    let told = world
        .log(&AuditParams { subject: Some("settings".into()), ..AuditParams::default() })
        .await;
    assert_eq!(
        told.last().expect("told").after.as_ref().expect("told")["audit_retention_days"],
        365
    );
    let set = settings.patch(&world.owner.scope, &patch(Change::Clear)).await.expect("set");
    assert_eq!(set.audit_retention_days, None);
    assert_eq!(settings.get(&world.owner.scope).await.expect("read"), set);
}

/// F20: a dump that was restored into another PostgreSQL, whose transaction numbers
/// are lower: what was sealed is as it was, and what is not yet is sealed too.
#[tokio::test]
async fn f20_sealing_goes_on_in_another_postgresql() {
    let world = World::create().await;
    world.make(2).await;
    world.seal().await;
    world.make(2).await;
    // Numbers of the one that was dumped, far ahead of this one's.
    world
        .execute(
            "update nexo.audit_log set tx = tx + 1000000000000; update nexo.audit_seals set tx = tx + 1000000000000;
             update nexo.audit_epochs set system_identifier = 7",
        )
        .await;
    world.execute(RESEAL).await;
    let kept = world.verify(&[]).await.checkpoint;
    // Without a new start it could not go on.
    world.database.seal_audit_log(world.owner.scope.account_id()).await.expect("asked");
    assert_eq!(world.verify(&[]).await.unsealed, 2);

    let database = Database::open(world.test.config()).await.expect("opens again");
    Database::open(world.test.config()).await.expect("and again, with nothing new");
    let clients = database.repository::<Client>();
    clients.create(&world.owner.scope, &NewClient::named("After")).await.expect("created");
    let ready =
        "select coalesce(max(tx), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         from nexo.audit_log where epoch = 2";
    let superuser = world.test.superuser().await;
    while !superuser.query_one(ready, &[]).await.expect("asked").get::<_, bool>(0) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    database.seal_audit_log(world.owner.scope.account_id()).await.expect("sealed");
    let epochs = "select count(*) from nexo.audit_epochs";
    assert_eq!(superuser.query_one(epochs, &[]).await.expect("counted").get::<_, i64>(0), 2);
    let found = world.verify(kept.as_slice()).await;
    assert_eq!((found.unsealed, found.fault), (0, None));
    assert_eq!(found.entries as usize, world.log(&AuditParams::default()).await.len());
    // The order is the epochs', and part of what was sealed.
    world.execute("update nexo.audit_log set epoch = 1 where epoch = 2").await;
    assert!(world.verify(&[]).await.fault.is_some());
    world.execute("update nexo.audit_log set epoch = 2 where after ->> 'name' = 'After'").await;
    assert_eq!(world.verify(&[]).await.fault, None);
    world.execute("update nexo.audit_seals set epoch = 3 where epoch = 2").await;
    assert_eq!(world.verify(&[]).await.fault, Some(AuditFault::Block(2)));
}
