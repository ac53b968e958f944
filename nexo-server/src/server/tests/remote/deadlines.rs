//! How long an answer is awaited.

use super::*;

#[tokio::test]
async fn the_deadline_goes_along() {
    for protocol in PROTOCOLS {
        let config = HttpConfig { request_timeout: 4 * SHORT, ..HttpConfig::default() };
        let (gateway, service) = pair(protocol, config, table()).await;
        let mut wire = gateway.connect().await;
        wire.send(get("/never")).await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "timeout"), "{protocol}");
        // It was the service that gave up: nothing is left of the request there.
        wire.send(get("/headers")).await;
        assert_eq!(wire.reply().await.status, 200);
        drop(service);
    }
}

/// (v) A read whose time is over, by whoever's clock, is 503, and no reason to ask another
/// process: that one would be as slow.
#[tokio::test]
async fn a_read_that_was_late_is_not_tried_again() {
    for protocol in PROTOCOLS {
        let impatient = || async {
            let config = HttpConfig {
                role: Role::Crm,
                trusted_proxies: vec!["127.0.0.1".parse().expect("a network")],
                request_timeout: SHORT,
                ..HttpConfig::default()
            };
            Running::start(config, of_crm(table())).await
        };
        let services = [impatient().await, impatient().await];
        let urls = services.each_ref().map(|one| format!("{protocol}://{}", one.address));
        let gateway = gateway(&urls, HttpConfig::default(), table()).await;
        let mut wire = gateway.connect().await;
        wire.send(get("/never")).await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "timeout"), "{protocol}");
        assert_eq!(reply.header("retry-after"), Some("1"), "{protocol}");
        assert_eq!(reply.header("x-request-late"), None, "it is between the processes");
        let upstream = gateway.app.remotes().upstream(Service::Crm).expect("a service");
        let failures = upstream.backends().iter().map(|backend| backend.failures()).sum::<u64>();
        assert_eq!((upstream.retries(), failures), (0, 0), "{protocol}");
    }
}
