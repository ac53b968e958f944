//! How many connections there are, and what becomes of silent ones.

use super::*;

#[tokio::test]
async fn a_connection_that_never_says_a_word_has_the_time_of_a_head() {
    // The idle timeout of the default is longer than the test waits.
    let config = HttpConfig { header_timeout: SHORT, ..HttpConfig::default() };
    let server = Running::start(config, Vec::new()).await;
    assert_eq!(server.connect().await.closed().await, b"");
}

#[tokio::test]
async fn one_caller_has_some_of_the_connections() {
    let config = HttpConfig {
        max_connections_per_ip: 1,
        // So that it is not for its silence that a connection is closed.
        header_timeout: Duration::from_secs(3600),
        ..HttpConfig::default()
    };
    let server = Running::start(config, Vec::new()).await;
    let mut first = server.connect().await;
    first.send(get("/")).await;
    assert_eq!(first.reply().await.status, 200);
    assert_eq!(server.connect().await.closed().await, b"");
    first.send(get("/")).await;
    assert_eq!(first.reply().await.status, 200);

    drop(first);
    loop {
        let mut next = server.connect().await;
        next.send_unheeded(get("/")).await;
        // Until the server has noticed that the first one is gone.
        if let Ok(reply) = next.try_reply(true).await {
            assert_eq!(reply.status, 200);
            break;
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_has_the_connections_of_its_callers() {
    let trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    let config = HttpConfig { max_connections_per_ip: 1, trusted_proxies, ..HttpConfig::default() };
    let server = Running::start(config, Vec::new()).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for wire in [&mut first, &mut second] {
        wire.send(get("/")).await;
        assert_eq!(wire.reply().await.status, 200);
    }
}
