//! Entries are sealed behind those who write, and what was tampered with is named.

use nexo_core::model::{
    AuditCheckpoint, AuditParams, Client, ErrorCode, NewApiKey, NewClient, Permission,
};
use nexo_core::testing::Tenant;
use nexo_core::tokio_postgres::error::SqlState;
use nexo_core::{AuditFault, Verified};

use super::World;

impl World {
    pub(super) async fn make(&self, clients: usize) {
        for at in 0..clients {
            let new = NewClient::named(format!("Client {at}"));
            let made = self.database.repository::<Client>().create(&self.owner.scope, &new).await;
            made.expect("created");
        }
    }

    /// Everything, in one block. A transaction anywhere in the cluster, as other
    /// tests have them, holds back those that began after it.
    pub(super) async fn seal(&self) {
        let superuser = self.test.superuser().await;
        let ready =
            "select coalesce(max(tx), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
             from nexo.audit_log";
        while !superuser.query_one(ready, &[]).await.expect("asked").get::<_, bool>(0) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.database.seal_audit_logs().await.expect("sealed");
    }

    pub(super) async fn verify(&self, kept: &[AuditCheckpoint]) -> Verified {
        self.database.audit().verify(&self.owner.scope, kept).await.expect("verified")
    }
}

#[tokio::test]
async fn what_was_sealed_is_as_it_was() {
    let world = World::create().await;
    world.make(3).await;
    let nothing = world.verify(&[]).await;
    assert_eq!((nothing.entries, nothing.checkpoint, nothing.fault), (0, None, None));
    assert_eq!(nothing.unsealed as usize, world.log(&AuditParams::default()).await.len());
    world.seal().await;
    world.make(2).await;
    let first = world.verify(&[]).await;
    assert_eq!((first.unsealed, first.fault), (2, None));
    world.seal().await;
    let all = world.verify(first.checkpoint.as_slice()).await;
    assert_eq!(
        (all.entries as usize, all.unsealed, all.fault),
        (world.log(&AuditParams::default()).await.len(), 0, None)
    );
    assert_eq!(all.checkpoint.map(|it| it.seq), Some(2));
    // Another account's log is another chain.
    let other = Tenant::register(&world.authenticator).await.scope;
    let audit = world.database.audit();
    assert_eq!(audit.verify(&other, &[]).await.expect("verified").fault, None);
    let foreign = audit.verify(&other, first.checkpoint.as_slice()).await.expect("verified");
    assert_eq!(foreign.fault, Some(AuditFault::Checkpoint(1)));
}

/// An entry whose transaction began before others that have ended already is
/// sealed before them, and nobody waits.
#[tokio::test]
async fn late_entries_are_sealed_in_their_order() {
    let world = World::create().await;
    world.seal().await;
    let before = world.verify(&[]).await.entries;
    let unit = world.database.unit_of_work(&world.owner.scope).await.expect("begins");
    unit.create::<Client>(&NewClient::named("Late")).await.expect("created");
    world.make(2).await;
    world.database.seal_audit_logs().await.expect("sealed");
    let meanwhile = world.verify(&[]).await;
    assert_eq!((meanwhile.entries, meanwhile.unsealed, meanwhile.fault), (before, 2, None));
    unit.commit().await.expect("kept");
    world.seal().await;
    let all = world.verify(&[]).await;
    assert_eq!((all.entries, all.unsealed, all.fault), (before + 3, 0, None));
}

/// Each kind of tampering is found, and the first entry that it is about named.
#[tokio::test]
async fn tampering_is_found_and_named() {
    let world = World::create().await;
    let key = NewApiKey::named("x", Permission::ClientWrite);
    let key = world.database.api_keys().create(&world.owner.scope, &key).await.expect("made");
    let scope = world.authenticator.verify(&key.secret).await.expect("verifies");
    let clients = world.database.repository::<Client>();
    clients.create(&scope, &NewClient::named("By a key")).await.expect("made");
    world.make(4).await;
    world.seal().await;
    world.make(4).await;
    world.seal().await;
    world.make(1).await;
    world.seal().await;
    let kept = world.verify(&[]).await.checkpoint.expect("sealed");
    let log = world.log(&AuditParams::default()).await;
    let (second, third) = (log[log.len() - 8].id, log[log.len() - 7].id);
    let by_key = log.iter().find(|entry| entry.key_id.is_some()).expect("told").id;
    let superuser = world.test.superuser().await;
    superuser
        .batch_execute("create table kept_log as table nexo.audit_log; create table kept_seals as table nexo.audit_seals")
        .await
        .expect("copied");
    let swapped = format!(
        "update nexo.audit_log a set at = b.at, record_id = b.record_id, after = b.after from kept_log b
         where a.id = '{second}' and b.id = '{third}' or a.id = '{third}' and b.id = '{second}'"
    );
    let inserted = format!(
        "insert into nexo.audit_log (account_id, id, tx, action, subject)
         select account_id, nexo.time_ordered_id(at), tx, 'delete', 'clients' from nexo.audit_log where id = '{second}'
         returning id"
    );
    let truncated = "delete from nexo.audit_log where id in (select unnest(entries) from nexo.audit_seals where seq = 3);
         delete from nexo.audit_seals where seq = 3";
    for (tampering, fault) in [
        (format!("update nexo.audit_log set after = '{{\"name\": \"Eve\"}}' where id = '{second}'"), AuditFault::Changed(second)),
        (format!("update nexo.audit_log set user_id = null where id = '{third}'"), AuditFault::Changed(third)),
        (format!("update nexo.audit_log set key_id = gen_random_uuid() where id = '{third}'"), AuditFault::Changed(third)),
        ("update nexo.audit_log set key_id = null where key_id is not null".to_owned(), AuditFault::Changed(by_key)),
        (format!("update nexo.audit_log set at = at - interval '1 hour' where id >= '{second}'"), AuditFault::Changed(second)),
        (format!("delete from nexo.audit_log where id = '{third}'"), AuditFault::Removed(third)),
        (swapped, AuditFault::Changed(second)),
        ("delete from nexo.audit_seals where seq = 2".to_owned(), AuditFault::Block(2)),
        ("delete from nexo.audit_seals where seq = 1".to_owned(), AuditFault::Block(1)),
        ("update nexo.audit_seals set entries = array(select unnest(entries) order by 1 desc) where seq = 2".to_owned(), AuditFault::Block(2)),
        ("update nexo.audit_seals set digests[1] = sha256('x') where seq = 1".to_owned(), AuditFault::Block(1)),
        ("update nexo.audit_seals set hash = sha256('x') where seq = 3".to_owned(), AuditFault::Block(3)),
        (truncated.to_owned(), AuditFault::Checkpoint(3)),
        // Somebody who would have the rest sealed again.
        (
            "update nexo.audit_seals set tx = -1, last_id = gen_random_uuid() where seq = 3".to_owned(),
            AuditFault::Block(3),
        ),
        ("update nexo.audit_seals set digests[1] = null where seq = 2".to_owned(), AuditFault::Block(2)),
        ("update nexo.audit_seals set sealed_at = now() where seq = 1".to_owned(), AuditFault::Block(1)),
        // Somebody who makes all seals anew after a change.
        (format!(
            "update nexo.audit_log set user_id = null where id = '{third}'; delete from nexo.audit_seals;
             begin; select set_config('nexo.account_id', '{0}', true), set_config('nexo.permissions', '-1', true);
             select nexo.seal_audit(); commit;",
            world.owner.scope.account_id()
        ), AuditFault::Checkpoint(3)),
    ] {
        superuser.batch_execute(&tampering).await.unwrap_or_else(|error| panic!("{tampering}: {error:?}"));
        assert_eq!(world.verify(std::slice::from_ref(&kept)).await.fault, Some(fault), "{tampering}");
        superuser
            .batch_execute(
                "truncate nexo.audit_log, nexo.audit_seals;
                 insert into nexo.audit_log select * from kept_log; insert into nexo.audit_seals select * from kept_seals",
            )
            .await
            .expect("restored");
        assert_eq!(world.verify(std::slice::from_ref(&kept)).await.fault, None, "{tampering}");
    }
    let another = AuditCheckpoint { hash: "00".repeat(32), ..kept.clone() };
    assert_eq!(world.verify(&[kept.clone(), another]).await.fault, Some(AuditFault::Checkpoint(3)));
    let id: uuid::Uuid = superuser.query_one(&inserted, &[]).await.expect("inserted").get(0);
    let found = world.verify(std::slice::from_ref(&kept)).await.fault;
    assert_eq!(found, Some(AuditFault::Inserted(nexo_core::model::Id::from_uuid(id))));
}

/// A checkpoint is read again, also when its key is retired, and nothing else is.
#[tokio::test]
async fn a_checkpoint_is_signed() {
    let world = World::create().await;
    let tenant = Tenant::register(&world.authenticator).await;
    let checkpoint = loop {
        let sealed = world.database.audit().checkpoint(&tenant.scope).await.expect("sealed");
        if let Some(checkpoint) = sealed {
            break checkpoint;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let signed = world.authenticator.sign_checkpoint(&checkpoint).expect("signed");
    assert_eq!(world.authenticator.read_checkpoint(&signed).await.expect("read"), checkpoint);
    assert!(world.authenticator.verify(&signed).await.is_err(), "J4: it is no access token");
    let retire = "update nexo.signing_keys set retired_at = now()";
    world.test.superuser().await.batch_execute(retire).await.expect("retired");
    assert_eq!(world.authenticator.read_checkpoint(&signed).await.expect("read"), checkpoint);
    let mut forged = AuditCheckpoint { seq: 7, ..checkpoint };
    forged.hash = "00".repeat(32);
    let other = World::create().await;
    let stranger = other.authenticator.sign_checkpoint(&forged).expect("signed");
    let (head, rest) = signed.split_once('.').expect("three parts");
    let (_, signature) = rest.split_once('.').expect("three parts");
    let claims = stranger.split('.').nth(1).expect("three parts");
    for wrong in [
        "",
        "a.b.c",
        &tenant.tokens.access_token,
        &stranger,
        &format!("{head}.{claims}.{signature}"),
    ] {
        let refused = world.authenticator.read_checkpoint(wrong).await.expect_err("no checkpoint");
        assert_eq!(refused.code(), ErrorCode::BadRequest, "{wrong}");
    }
}

/// R28: a seal that is no seal is refused, and whoever does not see everything
/// seals nothing.
#[tokio::test]
async fn r28_seals_are_made_of_everything_or_not_at_all() {
    let world = World::create().await;
    let app = world.test.as_app().await;
    let by_hand = "insert into nexo.audit_seals (seq, tx, last_id, entries, digests, hash)
        select 1, 9223372036854775807, id, array[id], array[sha256('')], sha256('') from nexo.audit_log limit 1";
    let sealed = "select nexo.seal_audit()";
    for (permissions, statement) in [
        ("-1", by_hand),
        ("nexo.permission('audit:read')", by_hand),
        ("nexo.permission('audit:read')", sealed),
        ("nexo.role_permissions('admin')", sealed),
    ] {
        app.batch_execute(&format!(
            "begin; set local nexo.account_id = '{}';
             select set_config('nexo.permissions', ({permissions})::text, true)",
            world.owner.scope.account_id()
        ))
        .await
        .expect("begun");
        let refused = app.batch_execute(statement).await.expect_err(statement);
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        app.batch_execute("rollback").await.expect("ended");
    }
}

/// However many seal at once, each entry is sealed once.
#[tokio::test]
async fn what_is_sealed_twice_is_sealed_once() {
    let world = World::create().await;
    world.make(3).await;
    let sealing = (0..4).map(|_| world.seal());
    futures_util::future::join_all(sealing).await;
    world.seal().await;
    let found = world.verify(&[]).await;
    assert_eq!((found.unsealed, found.fault), (0, None));
    assert_eq!(found.entries as usize, world.log(&AuditParams::default()).await.len());
}
