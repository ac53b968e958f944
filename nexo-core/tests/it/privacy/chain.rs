//! The chain of the audit log tells an erasure from tampering.

use nexo_core::AuditFault;
use nexo_core::model::{
    AuditAction, AuditEntry, AuditParams, Client, ClientPatch, Erase, Id, NewClient,
};
use nexo_core::tokio_postgres::error::SqlState;

use super::World;

impl World {
    /// A client who was created and changed.
    async fn client(&self, name: &str) -> Client {
        let clients = self.database.repository::<Client>();
        let made = clients.create(self.scope(), &NewClient::named(name)).await.expect("made");
        let patch = ClientPatch { notes: "changed".to_owned().into(), ..ClientPatch::default() };
        clients.patch(self.scope(), made.id, &patch, None).await.expect("changed")
    }

    async fn erase(&self, client: &Client) -> u32 {
        let erase = Erase { confirm: client.name.clone(), ..Erase::default() };
        let privacy = self.database.privacy();
        privacy.erase::<Client>(self.scope(), client.id, &erase).await.expect("erased").entries
    }

    /// The entries about a record, the oldest first.
    async fn entries(&self, record: Id<Client>) -> Vec<AuditEntry> {
        let params = AuditParams { record_id: Some(*record.as_uuid()), ..AuditParams::default() };
        self.log(self.scope(), &params).await.into_iter().rev().collect()
    }

    /// As if its entries had been written before there were salts.
    async fn unsalt(&self, client: &Client) {
        self.execute(&format!(
            "update nexo.audit_log set salt = null where record_id = '{}'",
            client.id
        ))
        .await;
    }

    async fn fault(&self) -> Option<AuditFault> {
        self.verify(self.scope()).await.fault
    }
}

/// Sealed before or after, with a salt or from before there were any: what was
/// erased is accepted as the entry tells that erased it, and for nothing else.
#[tokio::test]
async fn what_was_erased_is_no_tampering() {
    let world = World::create().await;
    let [new, old] = [world.client("New").await, world.client("Old").await];
    world.unsalt(&old).await;
    world.seal(world.scope()).await;
    let [unsealed, old_unsealed] =
        [world.client("Unsealed").await, world.client("Old and unsealed").await];
    world.unsalt(&old_unsealed).await;
    let kept = world.client("Kept").await;
    for client in [&new, &old, &unsealed, &old_unsealed] {
        assert_eq!(world.erase(client).await, 3);
        assert_eq!(world.fault().await, None);
    }
    world.seal(world.scope()).await;
    let found = world.verify(world.scope()).await;
    assert_eq!((found.erased, found.unsealed, found.fault), (12, 0, None));
    assert!(world.entries(kept.id).await.iter().all(|entry| entry.after.is_some()));

    world.execute("create table kept_log as table nexo.audit_log").await;
    let restore = "truncate nexo.audit_log; insert into nexo.audit_log select * from kept_log";
    let first = async |client: &Client| world.entries(client.id).await[0].id;
    let last = async |client: &Client| world.entries(client.id).await.pop().expect("told").id;
    let (of_new, of_old, of_kept) = (first(&new).await, first(&old).await, first(&kept).await);
    let (told_new, told_old) = (last(&new).await, last(&old).await);
    let change =
        |id: Id<AuditEntry>, to: &str| format!("update nexo.audit_log set {to} where id = '{id}'");
    let content = "before = null, after = null, salt = null";
    let digest = "content_digest = nexo.audit_content(audit_log)";
    for (tampering, fault) in [
        // Fields that are gone, and nothing tells of it.
        (change(of_kept, content), AuditFault::Changed(of_kept)),
        (change(of_kept, &format!("{content}, {digest}")), AuditFault::Erased(of_kept)),
        (change(of_kept, &format!("{content}, {digest}, erased_by = '{told_new}'")), AuditFault::Erased(of_kept)),
        (change(of_kept, &format!("{content}, {digest}, erased_by = id")), AuditFault::Erased(of_kept)),
        (change(of_kept, &format!("{content}, {digest}, erased_by = gen_random_uuid()")), AuditFault::Erased(of_kept)),
        // Fields that are shown, with the digest of others.
        (change(of_kept, &format!("after = '{{\"name\": \"Eve\"}}', {digest}")), AuditFault::Erased(of_kept)),
        (change(of_kept, "after = '{\"name\": \"Eve\"}'"), AuditFault::Changed(of_kept)),
        (change(of_kept, "salt = gen_random_uuid()"), AuditFault::Changed(of_kept)),
        // A mark that is another one's, or gone.
        (change(of_new, &format!("erased_by = '{told_old}'")), AuditFault::Erased(of_new)),
        (change(of_new, "erased_by = null"), AuditFault::Erased(of_new)),
        (change(of_old, "erased_by = null"), AuditFault::Changed(of_old)),
        (change(of_old, &format!("erased_by = '{told_new}'")), AuditFault::Erased(of_old)),
        // What is left of an entry is held as before.
        (change(of_new, "user_id = null"), AuditFault::Changed(of_new)),
        (change(of_new, "after = '{\"name\": \"Eve\"}'"), AuditFault::Changed(of_new)),
        (change(of_old, "user_id = null"), AuditFault::Changed(of_old)),
        (change(of_old, "after = '{\"name\": \"Eve\"}'"), AuditFault::Changed(of_old)),
        (change(of_new, "content_digest = sha256('x')"), AuditFault::Changed(of_new)),
        // What tells of it, changed or gone.
        (change(told_old, "after = jsonb_set(after, '{entries}', '7')"), AuditFault::Changed(told_old)),
        (format!("delete from nexo.audit_log where id = '{told_new}'"), AuditFault::Erased(of_new)),
        (change(told_new, "action = 'update'"), AuditFault::Erased(of_new)),
        (change(told_new, "after = jsonb_set(after, '{erased}', '{}')"), AuditFault::Erased(of_new)),
        // An entry that tells more than was sealed.
        (format!("update nexo.audit_log set after = jsonb_set(after, array['erased', '{of_kept}'], 'null') where id = '{told_new}';
             update nexo.audit_log set {content}, {digest}, erased_by = '{told_new}' where id = '{of_kept}'"),
         AuditFault::Changed(told_new)),
    ] {
        world.execute(&tampering).await;
        assert_eq!(world.fault().await, Some(fault), "{tampering}");
        world.execute(restore).await;
    }
    assert_eq!(world.fault().await, None);
}

/// Guesses of what was erased cannot be tried: the salt is gone with it, and no
/// digest that is left is one of the fields alone.
#[tokio::test]
async fn what_was_erased_cannot_be_guessed() {
    let world = World::create().await;
    let client = world.client("Ada").await;
    let superuser = world.test.superuser().await;
    let fields =
        "select before::text, after::text from nexo.audit_log where record_id = $1 order by id";
    let known = superuser.query(fields, &[&client.id]).await.expect("read");
    let known: (Option<String>, Option<String>) = (known[0].get(0), known[0].get(1));
    world.erase(&client).await;
    // The right guess, without its salt, and with one that is another.
    let guess = "select l.content_digest = sha256(convert_to(jsonb_build_array(s.salt, $2::text::jsonb, $3::text::jsonb)::text, 'UTF8'))
         from nexo.audit_log l cross join (values (null), (gen_random_uuid())) as s (salt)
         where l.record_id = $1 and l.content_digest is not null";
    let tried = superuser.query(guess, &[&client.id, &known.0, &known.1]).await.expect("tried");
    assert_eq!(tried.len(), 6);
    assert!(tried.iter().all(|row| !row.get::<_, bool>(0)));
    let salts = "select count(*) from nexo.audit_log where salt is not null and record_id = $1 and action <> 'erase'";
    assert_eq!(
        superuser.query_one(salts, &[&client.id]).await.expect("counted").get::<_, i64>(0),
        0
    );
    // Every new entry has one of its own.
    let salts = "select count(*) = count(distinct salt) and count(*) > 2 from nexo.audit_log where erased_by is null";
    assert!(superuser.query_one(salts, &[]).await.expect("counted").get::<_, bool>(0));
}

/// Entries of before have the digests that they were sealed with then.
#[tokio::test]
async fn digests_of_before_are_what_they_were() {
    let world = World::create().await;
    let superuser = world.test.superuser().await;
    world
        .execute(
            "insert into nexo.audit_log (account_id, id, at, tx, action, subject, record_id, user_id, reason, before, after, salt)
             values ('01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002', '2026-01-31T10:00:00Z', 7,
                'update', 'clients', '01900000-0000-7000-8000-000000000003', null, 'nightly', '{\"name\": \"Ada\"}', '{\"name\": \"Eve\"}', null)",
        )
        .await;
    let digest =
        "select encode(nexo.audit_digest(l), 'hex') from nexo.audit_log l where reason = 'nightly'";
    let digest: String = superuser.query_one(digest, &[]).await.expect("read").get(0);
    // Of the text that was hashed when there were neither salts nor epochs.
    let text = r#"["01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002", 1769853600.000000, 7, "update", "clients", "01900000-0000-7000-8000-000000000003", null, null, "nightly", null, null, null, {"name": "Ada"}, {"name": "Eve"}]"#;
    let expected = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let expected: String = expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, expected);
}

/// What goes for its age goes with what tells of it: an erasure and its entries.
#[tokio::test]
async fn what_was_erased_goes_for_its_age_too() {
    let world = World::create().await;
    let client = world.client("Ada").await;
    world.seal(world.scope()).await;
    world.erase(&client).await;
    world.seal(world.scope()).await;
    let erasures = AuditParams { action: Some(AuditAction::Erase), ..AuditParams::default() };
    let told = world.log(world.scope(), &erasures).await[0].id;
    // Sealed in an order in which the block that tells of it is the older one.
    world
        .execute(
            "update nexo.audit_seals set sealed_at = sealed_at - interval '40 days' where seq = 1;
             insert into nexo.account_settings (account_id, audit_retention_days)
             select account_id, 30 from nexo.audit_seals limit 1",
        )
        .await;
    world.execute(&format!(
        "update nexo.audit_log set erased_by = (select entries[1] from nexo.audit_seals where seq = 1) where erased_by = '{told}'"
    )).await;
    let before = world.log(world.scope(), &AuditParams::default()).await.len();
    world.database.expire_audit_log(world.scope().account_id()).await.expect("done");
    assert_eq!(world.log(world.scope(), &AuditParams::default()).await.len(), before);
    world
        .execute(&format!(
            "update nexo.audit_log set erased_by = '{told}' where erased_by is not null"
        ))
        .await;
    world.database.expire_audit_log(world.scope().account_id()).await.expect("done");
    assert!(world.log(world.scope(), &AuditParams::default()).await.len() < before);
}

/// R28: the doors open for whoever may, for their account, and for persons.
#[tokio::test]
async fn r28_nobody_erases_by_another_way() {
    let world = World::create().await;
    let client = world.client("Ada").await;
    let account = world.scope().account_id();
    let (app, auth) = (world.test.as_app().await, world.test.as_auth().await);
    let begin = |permissions: &str| {
        format!(
            "begin; set local nexo.account_id = '{account}'; select set_config('nexo.permissions', ({permissions})::text, true)"
        )
    };
    let erase =
        |kind: &str| format!("select nexo.erase_record('{kind}', '{}', '{{}}', null)", client.id);
    let entries = "select nexo.erase_entries('clients', null, '{}', '{}')".to_owned();
    let user = "select nexo.erase_user('{}')".to_owned();
    for (connection, permissions, statement) in [
        (&app, "nexo.role_permissions('manager')", erase("clients")),
        (&app, "nexo.permission('privacy:manage')", erase("clients")),
        (&app, "-1", erase("settings")),
        (&app, "-1", erase("tasks")),
        (&app, "-1", entries.clone()),
        (&app, "-1", user.clone()),
        (&auth, "-1", erase("clients")),
        (&auth, "-1", entries),
        (&auth, "-1", "select before from nexo.audit_log".to_owned()),
        (&auth, "-1", "delete from nexo.users".to_owned()),
        (&auth, "-1", "delete from nexo.memberships".to_owned()),
    ] {
        connection.batch_execute(&begin(permissions)).await.expect("begun");
        let refused = connection.batch_execute(&statement).await.expect_err(&statement);
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        connection.batch_execute("rollback").await.expect("ended");
    }
    // Without a user there is nobody to erase.
    auth.batch_execute(&user).await.expect("nothing");
    assert_eq!(world.entries(client.id).await.len(), 2);
}
