//! The access token's refresh: one at a time, and hard to lose.

use std::pin::pin;

use nexo_client::model::NewClient;
use nexo_client::{Nexo, Session};
use tokio::task::JoinSet;

use crate::world::World;

const REFRESH: &str = "POST /api/auth/refresh";

impl World {
    fn restore(&self, session: Session) -> Nexo {
        Nexo::builder(&self.proxy.url).session(session).build().unwrap()
    }
}

/// All of them at once, each a call of its own.
async fn call_32_times(nexo: &Nexo) {
    let mut calls = JoinSet::new();
    for _ in 0..32 {
        let nexo = nexo.clone();
        calls.spawn(async move { nexo.profile().await });
    }
    for profile in calls.join_all().await {
        profile.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_on_an_expired_token_share_one_refresh() {
    let world = World::start().await;
    let nexo = world.restore(world.expired_session("ada").await);
    call_32_times(&nexo).await;
    assert_eq!(world.proxy.count(REFRESH), 1);
    assert_eq!(world.proxy.count("GET /api/auth/profile"), 32, "the token was good at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_that_the_server_refuses_share_one_refresh() {
    let world = World::start().await;
    let nexo = world.restore(world.refused_session("ada").await);
    call_32_times(&nexo).await;
    assert_eq!(world.proxy.count(REFRESH), 1);
}

#[tokio::test]
async fn a_write_that_was_refused_for_its_token_is_sent_again() {
    let world = World::start().await;
    let nexo = world.restore(world.refused_session("ada").await);
    nexo.clients().create(&NewClient::named("Acme")).await.unwrap();
    assert_eq!(world.proxy.count("POST /api/crm/clients"), 2);
    assert_eq!(world.proxy.count(REFRESH), 1);
    let page = nexo.clients().list(&Default::default()).await.unwrap();
    assert_eq!(page.data.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_does_not_lose_the_session() {
    let world = World::start().await;
    // Even a handle that retries nothing repeats a refresh.
    let session = world.expired_session("ada").await;
    let nexo = Nexo::builder(&world.proxy.url).session(session).retries(0).build().unwrap();
    world.proxy.lose(REFRESH, 2);
    nexo.profile().await.unwrap();
    assert_eq!(world.proxy.count(REFRESH), 3);

    // What came of it is the true successor: it can be refreshed again.
    let again = world.restore(World::aged(&nexo.session().unwrap()));
    again.profile().await.unwrap();
    assert_eq!(world.proxy.count(REFRESH), 4);
}

#[tokio::test]
async fn a_refresh_outlives_the_call_that_started_it() {
    let world = World::start().await;
    let nexo = world.restore(world.expired_session("ada").await);
    let held = world.proxy.hold(REFRESH);
    let other = {
        let mut starter = pin!(nexo.profile());
        tokio::select! {
            profile = &mut starter => panic!("no token is there yet: {profile:?}"),
            () = held.answered() => {}
        }
        let nexo = nexo.clone();
        tokio::spawn(async move { nexo.profile().await })
        // Here the call that started the refresh is dropped.
    };
    held.release();
    other.await.unwrap().unwrap();
    nexo.profile().await.unwrap();
    assert_eq!(world.proxy.count(REFRESH), 1);
}

#[tokio::test]
async fn a_refresh_ends_well_though_nobody_waits_for_it() {
    let world = World::start().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let nexo = Nexo::builder(&world.proxy.url)
        .session(world.expired_session("ada").await)
        .on_session_change(move |session| tell.send(session.cloned()).unwrap())
        .build()
        .unwrap();
    let held = world.proxy.hold(REFRESH);
    {
        let mut only = pin!(nexo.profile());
        tokio::select! {
            profile = &mut only => panic!("no token is there yet: {profile:?}"),
            () = held.answered() => {}
        }
    }
    held.release();
    let session = told.recv().await.unwrap().expect("a new session");
    assert_eq!(session.export().refresh_token, nexo.session().unwrap().export().refresh_token);
    nexo.profile().await.unwrap();
    assert_eq!(world.proxy.count(REFRESH), 1);
}

#[tokio::test]
async fn a_log_out_during_a_refresh_stays_a_log_out() {
    let world = World::start().await;
    let email;
    let nexo = {
        let session = world.expired_session("ada").await;
        email = session.user().email.clone();
        world.restore(session)
    };
    let held = world.proxy.hold(REFRESH);
    let waiting = tokio::spawn({
        let nexo = nexo.clone();
        async move { nexo.profile().await }
    });
    held.answered().await;
    nexo.login(&email, crate::world::PASSWORD).await.unwrap();
    nexo.logout().await.unwrap();
    held.release();
    assert!(waiting.await.unwrap().unwrap_err().is_unauthenticated());
    assert!(nexo.session().is_none());
}

#[tokio::test]
async fn a_dead_refresh_token_ends_the_session() {
    let world = World::start().await;
    let session = world.expired_session("ada").await;
    let nexo = world.restore(session.clone());
    nexo.profile().await.unwrap();
    nexo.logout().await.unwrap();

    let late = world.restore(session);
    let error = late.clients().create(&NewClient::named("Acme")).await.unwrap_err();
    assert!(error.is_session_ended() && error.is_unauthenticated(), "{error}");
    assert!(!error.is_outcome_unknown(), "the write was never sent");
    assert!(late.session().is_none());
    assert_eq!(world.proxy.count("POST /api/crm/clients"), 0);
    assert!(late.profile().await.unwrap_err().is_session_ended());
    assert_eq!(world.proxy.count(REFRESH), 2, "a dead token is not tried again");
}

#[test]
fn a_refresh_survives_the_runtime_that_ran_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let main = runtime();
    let world = main.block_on(World::start());
    let session = main.block_on(world.expired_session("ada"));
    let nexo = world.restore(session);
    let held = world.proxy.hold(REFRESH);

    // The server and the proxy run on the first runtime, the call on a second
    // one that ends in the middle of it.
    let second = runtime();
    let call = second.spawn({
        let nexo = nexo.clone();
        async move { nexo.profile().await }
    });
    let driver = std::thread::spawn(move || {
        second.block_on(async {
            tokio::select! { _ = call => {}, () = held.answered() => {} }
        });
        drop(second);
    });
    main.block_on(async {
        tokio::task::spawn_blocking(move || driver.join().unwrap()).await.unwrap();
        // The server still knows the token's successor, for a while.
        nexo.profile().await.unwrap();
    });
    assert_eq!(world.proxy.count(REFRESH), 2);
}
