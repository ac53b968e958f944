//! The same behind gateways, which count addresses and users; services count keys.

use std::net::SocketAddr;

use nexo_core::testing::TestDatabase;
use nexo_server::{
    HttpConfig, RateLimitKind, RemoteConfig, Role, ServiceUrl, TrafficCounters, TrafficLimits,
};
use serde_json::json;

use super::{config, shared};
use crate::component::Redis;
use crate::harness::{Call, SignIn, register, serve_as, until_ready};
use crate::rate_limits::{PUBLIC, flood, number, passed, quota, remaining};

fn urls(addresses: &[SocketAddr]) -> Vec<ServiceUrl> {
    addresses.iter().map(|address| format!("http://{address}").parse().unwrap()).collect()
}

/// Two gateways before the same services: what one of them lets pass the other one knows
/// of, and what they refuse no service hears of.
#[tokio::test]
async fn h4_exactly_100_of_250_requests_to_two_gateways_pass() {
    let Some(redis) = Redis::start().await else { return };
    let database = TestDatabase::create().await;
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let inside = HttpConfig { trusted_proxies, ..config(TrafficLimits::off()) };
    let auth = serve_as(Role::Auth, &database, inside.clone(), SignIn::default()).await.0;
    let remote = RemoteConfig { auth: urls(&[auth]), ..RemoteConfig::default() };
    let inside = HttpConfig { remote: remote.clone(), ..inside };
    let crm = serve_as(Role::Crm, &database, inside, SignIn::default()).await.0;
    let remote = RemoteConfig { crm: urls(&[crm]), ..remote };
    let gateway = async || {
        let config = HttpConfig { remote: remote.clone(), ..config(shared(&redis, "100/60s")) };
        let served = serve_as(Role::Gateway, &database, config, SignIn::default()).await;
        until_ready(served.0).await;
        served
    };
    let ((one, of_one), (two, of_two)) = (gateway().await, gateway().await);

    let replies = flood(&[one, two]).await;
    assert_eq!(passed(&replies), 100);
    assert_eq!(of_one.allowed() + of_two.allowed(), 100);
    assert_eq!(of_one.limited(RateLimitKind::Ip) + of_two.limited(RateLimitKind::Ip), 150);
    assert!(of_one.allowed() > 0 && of_two.allowed() > 0, "one of them did all");
    assert_eq!((of_one.redis_errors(), of_two.redis_errors()), (0, 0));
    assert_eq!(remaining(&replies), (0..100).collect::<Vec<_>>());
    // One who invents other addresses, at either of them, and for either service.
    for (at, path) in [(one, PUBLIC), (two, PUBLIC), (one, "/api/clients"), (two, "/api/clients")] {
        let call = Call::to(at, "GET", path).header("x-forwarded-for", "203.0.113.9");
        let reply = call.send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (429, "too_many_requests"), "{path}");
        assert!((1..=60).contains(&number(&reply, "retry-after")));
    }
}

/// Only the services can tell a key. Behind a gateway each key has one quota in all of them,
/// and the gateway says where it stands.
#[tokio::test]
async fn h4_a_key_has_one_quota_in_all_services_behind_a_gateway() {
    let Some(redis) = Redis::start().await else { return };
    let database = TestDatabase::create().await;
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let traffic =
        TrafficLimits { per_ip: None, per_user: quota("6/60s"), ..shared(&redis, "1/1s") };
    let inside = HttpConfig { trusted_proxies, ..config(traffic.clone()) };
    let (auth, of_auth) = serve_as(Role::Auth, &database, inside.clone(), SignIn::default()).await;
    let remote = RemoteConfig { auth: urls(&[auth]), ..RemoteConfig::default() };
    let inside = HttpConfig { remote: remote.clone(), ..inside };
    let (one, of_one) = serve_as(Role::Crm, &database, inside.clone(), SignIn::default()).await;
    let (two, of_two) = serve_as(Role::Crm, &database, inside, SignIn::default()).await;
    let remote = RemoteConfig { crm: urls(&[one, two]), ..remote };
    let outside = HttpConfig { remote, ..config(traffic) };
    let (gateway, of_gateway) =
        serve_as(Role::Gateway, &database, outside, SignIn::default()).await;
    for address in [one, two, gateway] {
        until_ready(address).await;
    }
    let ada = register(gateway, "ada").await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        let body = json!({ "name": "k", "permissions": ["client:read", "member:read"] });
        let made = Call::to(gateway, "POST", "/api/keys").by(&ada).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.json());
        keys.push(made.json()["secret"].as_str().unwrap().to_owned());
    }
    for key in &keys {
        // Of either service, and at once: who of them comes first is not said.
        let paths = ["/api/clients", "/api/roles"].into_iter().cycle().take(20);
        let calls = paths.map(|path| Call::to(gateway, "GET", path).bearer(key).send());
        let replies = futures_util::future::join_all(calls).await;
        assert_eq!(passed(&replies), 6);
        assert_eq!(remaining(&replies), [0, 1, 2, 3, 4, 5]);
        let refused = replies.iter().filter(|reply| reply.status == 429);
        assert!(refused.clone().all(|reply| (1..=60).contains(&number(reply, "retry-after"))));
    }
    let refused = |counters: &TrafficCounters| counters.limited(RateLimitKind::ApiKey);
    assert_eq!(refused(&of_gateway), 0, "it cannot tell keys");
    assert_eq!(refused(&of_auth) + refused(&of_one) + refused(&of_two), 2 * 14);
    assert!([&of_auth, &of_one, &of_two].iter().all(|counters| refused(counters) > 0));
    // Users are counted by the gateway, which knows them, and once.
    let list = async || Call::to(gateway, "GET", "/api/clients").by(&ada).send().await;
    for number in 0..6 {
        assert_eq!(list().await.status, if number < 4 { 200 } else { 429 }, "{number}");
    }
    assert_eq!(of_gateway.limited(RateLimitKind::User), 2);
}
