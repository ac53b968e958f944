//! Rates that several servers count together, in a Redis of the test's own.

mod gateways;

use std::path::PathBuf;
use std::time::Duration;

use nexo_server::{HttpConfig, OnRedisFailure, RateLimitKind, TrafficCounters, TrafficLimits};

use crate::component::Redis;
use crate::harness::{Call, TestServer, serve_limited};
use crate::process::eventually;
use crate::program::{Program, command};
use crate::rate_limits::{PUBLIC, flood, number, passed, quota, remaining};

/// Counts there, and is more patient than servers are: these tests share a machine.
fn shared(redis: &Redis, per_ip: &str) -> TrafficLimits {
    TrafficLimits {
        per_ip: quota(per_ip),
        redis: Some(redis.url().parse().unwrap()),
        redis_timeout: Duration::from_secs(30),
        ..TrafficLimits::off()
    }
}

fn config(traffic: TrafficLimits) -> HttpConfig {
    HttpConfig { traffic, ..HttpConfig::default() }
}

async fn counts_in_redis(counters: &TrafficCounters) {
    eventually("Redis counts", || counters.redis_answers()).await;
}

#[tokio::test]
async fn h4_exactly_100_of_250_requests_to_two_servers_pass() {
    let Some(redis) = Redis::start().await else { return };
    let traffic = shared(&redis, "100/60s");
    let (server, counters) = TestServer::limited(config(traffic.clone())).await;
    let (second, counters_of_second) = serve_limited(&server.database, config(traffic)).await;
    let replies = flood(&[server.address, second]).await;
    assert_eq!(passed(&replies), 100);
    assert_eq!(counters.allowed() + counters_of_second.allowed(), 100);
    assert!(counters.allowed() > 0 && counters_of_second.allowed() > 0, "one of them did all");
    assert_eq!((counters.redis_errors(), counters_of_second.redis_errors()), (0, 0));
    assert_eq!(remaining(&replies), (0..100).collect::<Vec<_>>());
    for reply in replies.iter().filter(|reply| reply.status == 429) {
        assert_eq!(reply.problem(), "too_many_requests");
        assert!((1..=60).contains(&number(reply, "retry-after")));
    }
}

#[tokio::test]
async fn h4_without_redis_each_server_counts_for_itself() {
    let traffic = TrafficLimits { per_ip: quota("100/60s"), ..TrafficLimits::off() };
    let (server, _) = TestServer::limited(config(traffic.clone())).await;
    let (second, _) = serve_limited(&server.database, config(traffic)).await;
    assert_eq!(passed(&flood(&[server.address]).await), 100);
    assert_eq!(passed(&flood(&[second]).await), 100);
}

#[tokio::test]
async fn h4_the_window_slides_in_redis_and_retry_after_is_true() {
    let Some(redis) = Redis::start().await else { return };
    let traffic = shared(&redis, "2/1s");
    let (server, _) = TestServer::limited(config(traffic.clone())).await;
    let (second, _) = serve_limited(&server.database, config(traffic)).await;
    for _ in 0..3 {
        let wait = loop {
            let reply = Call::to(server.address, "GET", PUBLIC).send().await;
            if reply.status == 429 {
                break number(&reply, "retry-after");
            }
        };
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let reply = Call::to(second, "GET", PUBLIC).send().await;
        assert_eq!(reply.status, 200, "it was told too little");
    }
}

#[tokio::test]
async fn users_have_one_quota_on_two_servers() {
    let Some(redis) = Redis::start().await else { return };
    let traffic = TrafficLimits {
        per_user: quota("6/60s"),
        credentials_per_ip: quota("20/60s"),
        ..shared(&redis, "100/60s")
    };
    let (server, counters) = TestServer::limited(config(traffic.clone())).await;
    let (second, _) = serve_limited(&server.database, config(traffic)).await;
    let ada = server.register("ada").await;
    for at in 0..10 {
        let address = [server.address, second][at % 2];
        let reply = Call::to(address, "GET", "/api/clients").by(&ada).send().await;
        assert_eq!(reply.status, if at < 6 { 200 } else { 429 }, "{at}");
    }
    assert!(counters.limited(RateLimitKind::User) > 0);
    // What is kept there: a list a quota, which nobody can read an address or a
    // user from at a glance, and which ends with its window.
    let keys = redis.ask(&["KEYS", "*"]);
    for kind in ["ip", "credentials", "user"] {
        let mut of_kind = keys.lines().filter(|key| key.starts_with(&format!("nexo:rate:{kind}:")));
        let key = of_kind.next().unwrap_or_else(|| panic!("no {kind} in {keys}"));
        assert_eq!(of_kind.next(), None, "{keys}");
        let lives: u64 = redis.ask(&["PTTL", key]).trim().parse().unwrap();
        assert!((1..=60_000).contains(&lives), "{key} lives for {lives} ms");
    }
    assert!(!keys.contains("127.0.0.1") && !keys.contains(&ada.id), "{keys}");
    assert!(!keys.contains(&ada.id.replace('-', "")), "{keys}");
}

/// How often a script was run there.
fn scripts(redis: &Redis) -> u64 {
    let told = redis.ask(&["INFO", "commandstats"]);
    let calls = told.split("cmdstat_evalsha:calls=").nth(1).unwrap_or("0");
    calls.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_request_costs_one_round_trip_and_a_flood_none() {
    let Some(redis) = Redis::start().await else { return };
    let traffic = TrafficLimits {
        per_user: quota("600/60s"),
        credentials_per_ip: quota("20/60s"),
        ..shared(&redis, "10/60s")
    };
    let (server, counters) = TestServer::limited(config(traffic)).await;
    let before = scripts(&redis);
    let ada = server.register("ada").await;
    assert_eq!(scripts(&redis), before + 1, "two quotas: address and credentials");
    assert_eq!(server.get("/api/clients").by(&ada).send().await.status, 200);
    assert_eq!(scripts(&redis), before + 2, "two quotas: address and user");
    for path in ["/health", "/ready", "/.well-known/jwks.json"] {
        assert_eq!(server.get(path).send().await.status, 200);
    }
    assert_eq!(scripts(&redis), before + 2, "no quota at all");

    while server.get(PUBLIC).send().await.status == 200 {}
    let refused = scripts(&redis);
    assert_eq!(refused, before + 11);
    for path in [PUBLIC, "/api/clients", "/nothing"].repeat(10) {
        assert_eq!(server.get(path).by(&ada).send().await.status, 429);
    }
    assert_eq!((scripts(&redis), counters.limited(RateLimitKind::Ip)), (refused, 31));
}

#[tokio::test]
async fn without_its_redis_an_open_server_counts_for_itself() {
    let Some(mut redis) = Redis::start().await else { return };
    let (server, counters) = TestServer::limited(config(shared(&redis, "5/60s"))).await;
    let get = async || server.get(PUBLIC).send().await;
    assert_eq!((get().await.status, counters.redis_errors()), (200, 0));

    redis.kill();
    // Five, as if there had been none: what Redis knew went with it.
    for number in 0..8 {
        assert_eq!(get().await.status, if number < 5 { 200 } else { 429 }, "{number}");
    }
    assert!(counters.redis_errors() >= 5 && !counters.redis_answers());

    redis.restart().await;
    counts_in_redis(&counters).await;
    let errors = counters.redis_errors();
    let other = Call::to(server.address, "GET", "/api/clients").send().await;
    // A refusal that was given stands until its time is over.
    assert_eq!((other.status, counters.redis_errors()), (429, errors));
}

#[tokio::test]
async fn without_its_redis_a_closed_server_refuses() {
    let Some(mut redis) = Redis::start().await else { return };
    let traffic =
        TrafficLimits { on_redis_failure: OnRedisFailure::Closed, ..shared(&redis, "5/60s") };
    let (server, counters) = TestServer::limited(config(traffic)).await;
    let get = async |path: &str| server.get(path).send().await;
    assert_eq!(get(PUBLIC).await.status, 200);

    for _ in 0..2 {
        redis.kill();
        for path in [PUBLIC, "/api/clients", "/nothing"] {
            let reply = get(path).await;
            assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"), "{path}");
            assert!(number(&reply, "retry-after") > 0);
        }
        for path in ["/health", "/ready"] {
            assert_eq!(get(path).await.status, 200, "{path}");
        }
        redis.restart().await;
        counts_in_redis(&counters).await;
        let reply = get(PUBLIC).await;
        assert_eq!((reply.status, number(&reply, "ratelimit-remaining")), (200, 4));
        assert_ne!(redis.ask(&["DBSIZE"]).trim(), "0");
    }
}

#[tokio::test]
async fn a_redis_that_hangs_is_left_alone_until_it_answers() {
    let Some(redis) = Redis::start().await else { return };
    let traffic =
        TrafficLimits { redis_timeout: Duration::from_millis(50), ..shared(&redis, "1000/60s") };
    let (server, counters) = TestServer::limited(config(traffic)).await;
    redis.freeze();
    for _ in 0..5 {
        assert_eq!(server.get(PUBLIC).send().await.status, 200);
    }
    assert!(counters.redis_errors() >= 5 && !counters.redis_answers());
    redis.thaw();
    counts_in_redis(&counters).await;
}

/// A pause is no reason to stop counting together.
#[tokio::test]
async fn a_redis_that_is_late_once_goes_on_counting() {
    let Some(redis) = Redis::start().await else { return };
    let traffic =
        TrafficLimits { redis_timeout: Duration::from_millis(500), ..shared(&redis, "10/60s") };
    let (server, counters) = TestServer::limited(config(traffic)).await;
    let left = async || number(&server.get(PUBLIC).send().await, "ratelimit-remaining");
    assert_eq!(left().await, 9);
    redis.freeze();
    futures_util::future::join_all((0..5).map(|_| left())).await;
    assert_eq!((counters.redis_errors(), counters.redis_answers()), (5, true));
    redis.thaw();
    // What was late is counted there all the same.
    assert_eq!(left().await, 3);
    assert_eq!(counters.redis_errors(), 5);
}

#[tokio::test]
async fn a_redis_that_comes_and_goes_is_told_of_once() {
    let Some(mut redis) = Redis::start().await else { return };
    redis.kill();
    let url = redis.url();
    let mut program = Program::start(&[
        "--redis-url",
        &url,
        "--rate-limit",
        "1000/60s",
        "--redis-timeout",
        "30s",
    ]);
    let address = program.address;
    let calls = async || {
        for _ in 0..5 {
            assert_eq!(Call::to(address, "GET", PUBLIC).send().await.status, 200);
        }
    };
    calls().await;
    redis.restart().await;
    program.logs("Redis is back");
    calls().await;
    redis.kill();
    calls().await;
    redis.restart().await;
    program.logs("Redis is back");
    let log = program.stop();
    assert_eq!(log.matches("Redis does not count requests").count(), 2, "{log}");
    assert_eq!(log.matches("Redis is back").count(), 2, "{log}");
}

#[tokio::test]
async fn redis_is_called_over_tls_and_its_certificate_verified() {
    let Some(redis) = Redis::with_tls().await else { return };
    let url = redis.url_of_tls();
    let start = |trusted: Option<PathBuf>| {
        let args = ["--redis-url", &url, "--rate-limit", "100/60s", "--redis-timeout", "30s"];
        let mut command = command(&["--ephemeral"]);
        command.args(args).env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
        if let Some(file) = trusted {
            command.env("SSL_CERT_FILE", file);
        }
        Program::spawn(command).listening()
    };
    let program = start(Some(redis.certificate()));
    assert_eq!(program.get(PUBLIC).send().await.status, 200);
    assert_eq!(redis.ask(&["KEYS", "nexo:rate:ip:*"]).lines().count(), 1);
    let log = program.stop();
    assert!(!log.contains("Redis does not count requests"), "{log}");

    redis.ask(&["FLUSHALL"]);
    let program = start(None);
    assert_eq!(program.get(PUBLIC).send().await.status, 200);
    let log = program.stop();
    assert!(log.contains("Redis does not count requests"), "{log}");
    assert_eq!(redis.ask(&["DBSIZE"]).trim(), "0");
}
