//! F15: several programs do at once what each does by itself every few minutes.

use futures_util::future::join_all;
use nexo_core::AuthConfig;
use nexo_core::model::{AuditAction, AuditParams};

use super::World;

const AT_ONCE: usize = 6;

/// Blocks go once, and once is it told; sealing, which takes the same turns, goes on.
#[tokio::test(flavor = "multi_thread")]
async fn f15_old_entries_go_once_however_many_look_for_them() {
    let (world, kept) = World::two_old_blocks().await;
    world.keep_for(30.into()).await;
    let before = world.log(&AuditParams::default()).await.len();
    let account = world.owner.scope.account_id();
    let programs = join_all((0..AT_ONCE).map(|_| world.test.open())).await;
    let sweeps = programs.iter().map(|program| async move {
        for _ in 0..5 {
            program.expire_audit_log(account).await.expect("expired");
            program.seal_audit_log(account).await.expect("sealed");
        }
    });
    join_all(sweeps).await;
    // Whoever found that it was not their turn has left it for later.
    world.expire().await;
    world.seal().await;
    let log = world.log(&AuditParams::default()).await;
    let told: Vec<_> = log.iter().filter(|entry| entry.action == AuditAction::Expire).collect();
    let [told] = told[..] else { panic!("told {} times", told.len()) };
    let entries = told.after.as_ref().expect("told")["entries"].as_u64().expect("a number");
    assert_eq!(log.len() + usize::try_from(entries).expect("few"), before + 1);
    let found = world.verify(&kept).await;
    assert_eq!((found.unsealed, found.expired, found.fault), (0, Some(2), None));
}

/// Sign-ins that nobody has finished go, and those whose time is not over stay.
#[tokio::test(flavor = "multi_thread")]
async fn f15_old_sign_ins_go_whoever_looks_for_them() {
    let world = World::create().await;
    let begun = "insert into nexo.oidc_sign_ins
            (id, token_hash, state_hash, nonce, pkce_verifier, provider, redirect_uri, expires_at)
        select gen_random_uuid(), sha256(int4send(n)), sha256(int4send(n)), 'n', 'v', 'corp', 'https://app.test',
            now() + case when n <= 420 then interval '-1 second' else interval '1 hour' end
        from generate_series(1, 430) as n";
    world.execute(begun).await;
    let programs = join_all((0..AT_ONCE).map(|_| world.test.open_with_auth(AuthConfig::default())));
    let programs = programs.await;
    let sweeps = programs.iter().map(|(_, authenticator)| authenticator.forget_old_sign_ins());
    for swept in join_all(sweeps).await {
        swept.expect("swept");
    }
    let superuser = world.test.superuser().await;
    let left =
        "select count(*), count(*) filter (where expires_at > now()) from nexo.oidc_sign_ins";
    let left = superuser.query_one(left, &[]).await.expect("counted");
    assert_eq!((left.get::<_, i64>(0), left.get::<_, i64>(1)), (10, 10));
}
