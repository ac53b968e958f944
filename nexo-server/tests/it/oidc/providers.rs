//! Providers of all kinds, and those that are away.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use futures_util::future::join_all;
use serde_json::json;

use super::provider::{Instead, SECRET};
use super::*;
use crate::program::Program;

const AWAY: (u16, &str) = (503, "oidc_unavailable");

/// The server starts without its provider, says so, and goes on when it is back.
#[tokio::test]
async fn a_provider_is_down_and_comes_back() {
    let mut provider = TestProvider::start().await;
    provider.stop().await;
    let mut world = World::of(provider).await;
    let reply = world.try_start().await;
    assert_refused(&reply, AWAY);
    assert_eq!(reply.header("retry-after"), Some("1"));
    let ready = world.server.get("/ready").send().await;
    assert_eq!(ready.status, 200);
    for reply in join_all((0..8).map(|_| world.try_start())).await {
        assert_refused(&reply, AWAY);
    }
    world.provider.start_again().await;
    // Of many at once, one asks.
    for reply in join_all((0..8).map(|_| world.try_start())).await {
        assert_eq!(reply.status, 200, "{}", reply.json());
    }
    assert_eq!(world.provider.asked("/.well-known/openid-configuration"), 1);
    world.register(&ada()).await;

    // While a code is tried: that one may be spent, and is not tried again.
    let (started, back) = world.go(&ada()).await;
    world.provider.stop().await;
    let body = finishing(&started, &back);
    assert_refused(&world.finish(&body).await, AWAY);
    world.provider.start_again().await;
    assert_refused(&world.finish(&body).await, INVALID);
    assert_eq!(world.sign_in(&ada()).await.status, 200);
}

/// Redirects are not followed, endless answers not read, and what is no answer of
/// a provider is none.
#[tokio::test]
async fn what_is_no_provider_is_not_available() {
    let world = World::create().await;
    let other = "{\"issuer\":\"https://another.example.com\"}";
    let faults = [
        Instead::Redirect,
        Instead::Huge,
        Instead::Status(500),
        Instead::Status(404),
        Instead::Text("<html>"),
        Instead::Text(other),
    ];
    for path in ["/.well-known/openid-configuration", "/keys"] {
        for fault in faults {
            world.provider.instead(path, fault);
            assert_refused(&world.try_start().await, AWAY);
            world.provider.behave();
        }
        assert_eq!(world.provider.asked(&format!("{path}-moved")), 0);
    }
    world.register(&ada()).await;
    let rows = world.rows().await;
    for fault in [Instead::Redirect, Instead::Huge, Instead::Status(503)] {
        world.provider.instead("/token", fault);
        assert_refused(&world.sign_in(&ada()).await, AWAY);
        world.provider.behave();
    }
    for fault in [Instead::Status(400), Instead::Text("<html>"), Instead::Text("{}")] {
        world.provider.instead("/token", fault);
        assert_refused(&world.sign_in(&ada()).await, INVALID);
        world.provider.behave();
    }
    assert_eq!(world.provider.asked("/token-moved"), 0);
    assert_eq!(world.rows().await, rows);
}

/// The ways in which providers differ.
#[tokio::test]
async fn any_provider_will_do() {
    let provider = TestProvider::start().await;
    provider.secret_in_body();
    provider.address_in_userinfo();
    let world = World::of(provider).await;
    let user = world.register(&ada()).await;
    assert_eq!(user.email, "ada@example.com");
    for (kid, algorithm) in [("rsa", "RS256"), ("edwards", "EdDSA"), ("elliptic", "ES256")] {
        world.provider.rotate(kid, algorithm);
        let reply = world.sign_in(&ada()).await;
        assert_eq!(reply.status, 200, "{algorithm}: {}", reply.json());
    }
    // That it tells no address is no reason not to sign in whoever is known.
    world.provider.instead("/userinfo", Instead::Status(500));
    assert_eq!(world.sign_in(&ada()).await.status, 200);
    let eve = person("eve-at-corp", "eve@example.com");
    assert_refused(&world.sign_in_with(&eve, &registering()).await, (401, "email_not_verified"));
}

#[tokio::test]
async fn without_providers_there_are_none() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/api/auth/oidc").send().await.json(), json!({ "data": [] }));
    let start = json!({ "provider": "corp", "redirect_uri": CALLBACK });
    assert_eq!(server.post("/api/auth/oidc/start", &start).send().await.status, 422);
}

/// The program as an operator starts it: with a file, and a provider that is away.
#[tokio::test]
async fn the_program_reads_its_providers_from_a_file() {
    let mut provider = TestProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.json");
    fs::write(&file, json!([provider.config()]).to_string()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    provider.stop().await;
    let program = Program::start(&["--oidc-providers", file.to_str().unwrap()]);
    let listed = program.get("/api/auth/oidc").send().await.json();
    assert_eq!(listed["data"][0]["id"], "corp");
    let start = json!({ "provider": "corp", "redirect_uri": CALLBACK });
    let started = async || program.post("/api/auth/oidc/start", &start).send().await;
    assert_refused(&started().await, AWAY);
    provider.start_again().await;
    let begun = Started::of(&started().await);
    let back = provider.sign_in(&begun.page, &ada()).await;
    let finish = with(finishing(&begun, &back), &registering());
    let done = program.post("/api/auth/oidc/finish", &finish).send().await;
    assert_eq!(done.status, 200, "{}", done.json());
    let log = program.stop();
    // P8: what happened is in the log, and no secret.
    assert!(log.contains("a provider cannot be asked"), "{log}");
    let tokens =
        [&done.json()["access_token"], &done.json()["refresh_token"]].map(|it| it.to_string());
    for secret in [
        &begun.token,
        &back.code,
        &back.state,
        SECRET,
        tokens[0].trim_matches('"'),
        tokens[1].trim_matches('"'),
    ] {
        assert!(!log.contains(secret), "{secret}");
    }
}
