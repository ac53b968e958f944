//! How often one may call: by address, by credentials, by user and by key.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nexo_server::routes::{Access, Limit, table};
use nexo_server::{HttpConfig, Quota, RateLimitKind, TrafficLimits};
use serde_json::json;

use crate::harness::{Call, TestServer, User};
use crate::program::Program;
use crate::wire::{Reply, Wire};

/// Answers anybody, from memory.
pub(crate) const PUBLIC: &str = "/api/auth/oidc";

pub(crate) fn quota(text: &str) -> Option<Quota> {
    Some(text.parse().unwrap())
}

/// One that believes its callers on this machine, and limits by address alone.
fn behind_a_proxy(traffic: TrafficLimits) -> HttpConfig {
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    HttpConfig { trusted_proxies, traffic, ..HttpConfig::default() }
}

fn per_ip(text: &str) -> TrafficLimits {
    TrafficLimits { per_ip: quota(text), ..TrafficLimits::off() }
}

/// Sends 250 requests at once, over 25 connections to each of these in turn; the
/// replies.
pub(crate) async fn flood(addresses: &[SocketAddr]) -> Vec<Reply> {
    let connections = (0..25).map(|number| {
        let address = addresses[number % addresses.len()];
        async move {
            let mut wire = Wire::connect(address).await;
            wire.send(format!("GET {PUBLIC} HTTP/1.1\r\nhost: a\r\n\r\n").repeat(10)).await;
            let mut replies = Vec::new();
            for _ in 0..10 {
                replies.push(wire.reply().await);
            }
            replies
        }
    });
    let replies = futures_util::future::join_all(connections).await;
    replies.into_iter().flatten().collect()
}

pub(crate) fn passed(replies: &[Reply]) -> usize {
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    let refused = replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!(passed + refused, replies.len(), "something else was answered");
    passed
}

/// What was left after each of those that passed, the least first.
pub(crate) fn remaining(replies: &[Reply]) -> Vec<u64> {
    let passed = replies.iter().filter(|reply| reply.status == 200);
    let mut left: Vec<_> = passed.map(|reply| number(reply, "ratelimit-remaining")).collect();
    left.sort_unstable();
    left
}

pub(crate) fn number(reply: &Reply, header: &str) -> u64 {
    let value = reply.header(header).unwrap_or_else(|| panic!("no {header}: {reply:?}"));
    value.parse().unwrap()
}

#[tokio::test]
async fn h4_exactly_100_of_250_requests_at_once_pass() {
    let (server, counters) = TestServer::limited(HttpConfig::default()).await;
    let replies = flood(&[server.address]).await;
    assert_eq!(passed(&replies), 100);
    assert_eq!((counters.allowed(), counters.limited(RateLimitKind::Ip)), (100, 150));
    let mut left: Vec<u64> = Vec::new();
    for reply in &replies {
        assert_eq!(number(reply, "ratelimit-limit"), 100);
        assert!((1..=60).contains(&number(reply, "ratelimit-reset")));
        if reply.status == 200 {
            left.push(number(reply, "ratelimit-remaining"));
            assert_eq!(reply.header("retry-after"), None);
        } else {
            assert_eq!(reply.problem(), "too_many_requests");
            assert_eq!(number(reply, "ratelimit-remaining"), 0);
            assert_eq!(number(reply, "retry-after"), number(reply, "ratelimit-reset"));
            let told = &reply.json()["detail"];
            assert_eq!(told, "too many requests from this address: at most 100 in 60s");
        }
    }
    left.sort_unstable();
    assert_eq!(left, (0..100).collect::<Vec<_>>());

    // Nor may one look around, guess tokens or log in.
    for (method, path) in
        [("GET", "/.env"), ("DELETE", PUBLIC), ("GET", "/api/clients"), ("POST", "/api/auth/login")]
    {
        let reply = server.call(method, path).bearer("x").send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (429, "too_many_requests"), "{path}");
    }
    // Whoever watches the server goes on seeing it.
    for path in ["/health", "/ready", "/.well-known/jwks.json"] {
        let reply = server.get(path).send().await;
        assert_eq!((reply.status, reply.header("ratelimit-limit")), (200, None), "{path}");
    }
    assert_eq!(server.call("OPTIONS", PUBLIC).send().await.status, 204);
}

#[tokio::test]
async fn h4_the_window_slides_and_retry_after_is_true() {
    let config = HttpConfig { traffic: per_ip("3/2s"), ..HttpConfig::default() };
    let (server, _) = TestServer::limited(config).await;
    let get = async || server.get(PUBLIC).send().await;
    let mut passed = Vec::new();
    // Three windows in a row, each awaited for as long as was told and no longer.
    while passed.len() < 9 {
        let asked = Instant::now();
        let reply = get().await;
        if reply.status == 200 {
            passed.push((asked, Instant::now()));
            continue;
        }
        assert_eq!(reply.status, 429);
        tokio::time::sleep(Duration::from_secs(number(&reply, "retry-after"))).await;
        let asked = Instant::now();
        assert_eq!(get().await.status, 200, "it was told too little");
        passed.push((asked, Instant::now()));
    }
    for window in passed.windows(4) {
        let (first, fourth) = (window[0].0, window[3].1);
        assert!(fourth - first >= Duration::from_secs(2), "four within a window");
    }
}

#[tokio::test]
async fn h4_forged_addresses_change_nothing() {
    for trusted in [&[][..], &["10.0.0.0/8"]] {
        let config = HttpConfig {
            traffic: per_ip("5/60s"),
            trusted_proxies: trusted.iter().map(|network| network.parse().unwrap()).collect(),
            ..HttpConfig::default()
        };
        let (server, _) = TestServer::limited(config).await;
        let mut replies = Vec::new();
        for number in 0..20 {
            let forged = format!("203.0.113.{number}");
            let call = server.get(PUBLIC).header("x-forwarded-for", &forged);
            let call = call.header("forwarded", &format!("for={forged}"));
            replies.push(call.header("x-real-ip", &forged).send().await);
        }
        assert_eq!(passed(&replies), 5);
    }
}

#[tokio::test]
async fn h4_of_a_trusted_proxy_the_right_most_hop_counts() {
    let (server, _) = TestServer::limited(behind_a_proxy(per_ip("5/60s"))).await;
    let from = async |forwarded: &str| {
        let call = server.get(PUBLIC).header("x-forwarded-for", forwarded);
        call.header("forwarded", "for=192.0.2.1").header("x-real-ip", "192.0.2.2").send().await
    };
    for number in 0..20 {
        let reply = from(&format!("203.0.113.{number}, 198.51.100.7")).await;
        assert_eq!(reply.status, if number < 5 { 200 } else { 429 });
    }
    assert_eq!(from("198.51.100.8").await.status, 200);
    // One of IPv6 has as many addresses as they like, all in one /64.
    for number in 0..20 {
        let reply = from(&format!("2001:db8::{number:x}:0:0:{number:x}")).await;
        assert_eq!(reply.status, if number < 5 { 200 } else { 429 });
    }
    assert_eq!(from("2001:db8:0:1::1").await.status, 200);
}

#[tokio::test]
async fn credentials_are_tried_less_often() {
    let traffic = TrafficLimits { credentials_per_ip: quota("4/60s"), ..per_ip("100/60s") };
    let (server, counters) = TestServer::limited(behind_a_proxy(traffic)).await;
    let login = async |of: u32, from: &str| {
        let body = json!({ "email": format!("{of}@example.com"), "password": "guess guess guess" });
        server.post("/api/auth/login", &body).header("x-forwarded-for", from).send().await
    };
    for of in 0..8 {
        let reply = login(of, "203.0.113.1").await;
        assert_eq!(reply.status, if of < 4 { 401 } else { 429 });
        assert_eq!(number(&reply, "ratelimit-limit"), 4);
    }
    assert_eq!(counters.limited(RateLimitKind::Credentials), 4);
    // Neither with other routes of the kind nor from elsewhere is it the same.
    let refresh = json!({ "refresh_token": "x" });
    let call = server.post("/api/auth/refresh", &refresh);
    assert_eq!(call.header("x-forwarded-for", "203.0.113.1").send().await.status, 429);
    assert_eq!(login(9, "203.0.113.2").await.status, 401);
    // Those that passed count for the address, those that did not do not.
    let other = server.get(PUBLIC).header("x-forwarded-for", "203.0.113.1").send().await;
    assert_eq!((other.status, number(&other, "ratelimit-remaining")), (200, 95));
}

async fn key_of(server: &TestServer, user: &User) -> String {
    let body = json!({ "name": "k", "permissions": ["client:read"] });
    let reply = server.post("/api/keys", &body).by(user).send().await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.json()["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn users_and_their_keys_have_quotas_of_their_own() {
    let traffic = TrafficLimits { per_user: quota("6/60s"), ..TrafficLimits::off() };
    let (server, counters) = TestServer::limited(behind_a_proxy(traffic)).await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    let (one, two) = (key_of(&server, &ada).await, key_of(&server, &ada).await);
    let list = async |token: &str, from: u32| {
        let call = server.get("/api/clients").bearer(token);
        call.header("x-forwarded-for", &format!("203.0.113.{from}")).send().await
    };
    // Two of Ada's six made the keys. It does not matter where she calls from.
    for number in 0..8 {
        let reply = list(&ada.token, number).await;
        assert_eq!(reply.status, if number < 4 { 200 } else { 429 }, "{number}");
    }
    for key in [&one, &two] {
        for number in 0..8 {
            let reply = list(key, number).await;
            assert_eq!(reply.status, if number < 6 { 200 } else { 429 }, "{number}");
        }
    }
    assert_eq!(list(&eve.token, 0).await.status, 200);
    let refused = [RateLimitKind::User, RateLimitKind::ApiKey].map(|kind| counters.limited(kind));
    assert_eq!(refused, [4, 4]);
}

#[tokio::test]
async fn j9_claims_that_nobody_verified_use_no_quota() {
    let traffic = TrafficLimits { per_user: quota("5/60s"), ..TrafficLimits::off() };
    let (server, _) = TestServer::limited(HttpConfig { traffic, ..HttpConfig::default() }).await;
    let ada = server.register("ada").await;
    // Her own token but for its signature, which says who she is as loudly.
    let (said, signature) = ada.token.rsplit_once('.').unwrap();
    let forged = format!("{said}.{}", signature.chars().rev().collect::<String>());
    for _ in 0..20 {
        let reply = server.get("/api/clients").bearer(&forged).send().await;
        assert_eq!((reply.status, reply.header("ratelimit-limit")), (401, None));
    }
    let reply = server.get("/api/clients").by(&ada).send().await;
    assert_eq!((reply.status, number(&reply, "ratelimit-remaining")), (200, 4));
}

#[tokio::test]
async fn h4_a_flood_of_wrong_tokens_is_counted_by_its_address() {
    let config = HttpConfig { traffic: per_ip("5/60s"), ..HttpConfig::default() };
    let (server, _) = TestServer::limited(config).await;
    for number in 0..10 {
        let reply = server.get("/api/clients").bearer(&format!("nonsense-{number}")).send().await;
        assert_eq!(reply.status, if number < 5 { 401 } else { 429 });
    }
}

#[tokio::test]
async fn pages_see_where_they_stand() {
    let config = HttpConfig {
        traffic: per_ip("1/60s"),
        cors_origins: vec!["https://app.example.com".parse().unwrap()],
        ..HttpConfig::default()
    };
    let (server, _) = TestServer::limited(config).await;
    for status in [200, 429] {
        let reply = server.get(PUBLIC).header("origin", "https://app.example.com").send().await;
        assert_eq!(reply.status, status);
        let exposed = reply.header("access-control-expose-headers").unwrap();
        for header in ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"] {
            assert!(exposed.split(", ").any(|name| name == header), "{header}: {exposed}");
        }
    }
}

/// So that a new route gets its limit on purpose.
#[test]
fn the_table_says_which_routes_are_limited_how() {
    let exempt = table().into_iter().filter(|route| route.limit() == Limit::Exempt);
    let exempt: Vec<_> = exempt.map(|route| route.path().to_owned()).collect();
    let probes = ["/health", "/health/auth", "/health/crm", "/health/database", "/live", "/ready"];
    assert_eq!(exempt, [&probes[..], &["/.well-known/jwks.json"]].concat());
    for route in table() {
        let takes_credentials = route.access() == Access::Public && route.method() == "POST";
        if takes_credentials {
            assert_eq!(route.limit(), Limit::Credentials, "{route:?}");
        }
        if !route.path().starts_with("/api/auth/") {
            assert_ne!(route.limit(), Limit::Credentials, "{route:?}");
        }
    }
}

#[tokio::test]
async fn the_program_has_a_flag_for_it() {
    let program = Program::start(&["--rate-limit", "3/60s"]);
    for number in 0..6 {
        let reply = Call::to(program.address, "GET", PUBLIC).send().await;
        assert_eq!(reply.status, if number < 3 { 200 } else { 429 });
    }
    program.stop();
}
