//! F14 at the way in: of two gateways behind a load balancer one after the other is told
//! to stop. The balancer is HAProxy, which asks each for `/ready`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::component::installed;
use crate::harness::{Call, register, until_ready};
use crate::load::Load;
use crate::process::{deadline, pause};
use crate::program::{Program, command};
use crate::report::Row;
use crate::servers::Services;
use crate::stored;
use crate::wire::Wire;
use crate::world::{REQUEST, World};

/// Many times what passes between two questions of the balancer.
const DRAIN_DELAY: &str = "2s";

const NAMES: [&str; 2] = ["one", "two"];

pub(crate) async fn rolling_restart(world: &mut World) -> Row {
    let Some(haproxy) = installed("haproxy") else {
        return Row::skipped("haproxy is not installed: sh scripts/install-test-components.sh");
    };
    let services = Services::start(world, 1);
    let gateway = |listen: &str| {
        let mut command = command(&["--role", "gateway", "--trusted-proxy", "127.0.0.1"]);
        command.args(services.urls()).args(["--drain-delay", DRAIN_DELAY]);
        Program::spawn({
            command.env("NEXO_LISTEN", listen);
            command
        })
        .listening()
    };
    let mut gateways = vec![gateway("127.0.0.1:0"), gateway("127.0.0.1:0")];
    for gateway in &gateways {
        until_ready(gateway.address).await;
    }
    let balancer = Balancer::start(&haproxy, [gateways[0].address, gateways[1].address]).await;
    let users = [
        register(balancer.address, "balanced1").await,
        register(balancer.address, "balanced2").await,
    ];
    let load = Load::start(balancer.address, users, 16, REQUEST);
    load.more(50).await;
    let mut row = Row::default();
    for (at, name) in NAMES.into_iter().enumerate() {
        let stopped = gateways.remove(at);
        let listen = stopped.address.to_string();
        let finished = drain(&balancer, stopped, name, &load).await;
        row.hold(finished == 401, format!("what was in flight was told {finished}"));
        gateways.insert(at, gateway(&listen));
        balancer.until(name, "UP").await;
        load.more(100).await;
    }
    let done = load.finish().await;
    let failed = done.seen.failed();
    row.merge(stored::check(&world.superuser().await, done).await);
    row.hold(failed == 0, format!("{failed} requests failed"));
    row.figure("both gateways restarted behind HAProxy: unready first, what was in flight finished, each ended with 0");
    row
}

/// Tells a gateway to stop and follows it to its end; the status that a request was told
/// which was in flight all the time.
async fn drain(balancer: &Balancer, gateway: Program, name: &str, load: &Load) -> u16 {
    let body = r#"{"email":"nobody@example.com","password":"wrong but long enough"}"#;
    let mut busy = Wire::connect(gateway.address).await;
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    busy.send(head).await;
    busy.until_continue().await;
    gateway.signal("TERM");
    // First it says so, and goes on.
    let until = deadline();
    while Call::to(gateway.address, "GET", "/ready").send().await.status != 503 {
        pause(until, "the gateway says that it is not ready").await;
    }
    balancer.until(name, "DOWN").await;
    load.more(50).await;
    // Then it takes no connections any more.
    while Wire::try_connect(gateway.address).await.is_ok() {
        pause(until, "the gateway stops listening").await;
    }
    busy.send(body).await;
    let status = busy.reply().await.status;
    drop(busy);
    let ended = tokio::task::spawn_blocking(move || gateway.end()).await.unwrap();
    assert!(ended.0.success(), "{}: {}", ended.0, ended.2);
    status
}

/// HAProxy before two gateways. It is killed when dropped.
struct Balancer {
    child: Child,
    address: SocketAddr,
    status: SocketAddr,
    _folder: TempDir,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Balancer {
    async fn start(program: &Path, gateways: [SocketAddr; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Free a moment ago; it cannot be told to look for one itself.
        let [address, status] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, status] = [address, status].map(|free| free.local_addr().unwrap());
        let servers = NAMES.iter().zip(gateways);
        let servers: String =
            servers.map(|(name, gateway)| format!(" server {name} {gateway} check\n")).collect();
        let configuration = format!(
            "defaults\n mode http\n timeout connect 2s\n timeout client 60s\n timeout server 60s\n \
             option forwardfor\n option redispatch\n\
             frontend callers\n bind {address}\n default_backend gateways\n\
             backend gateways\n balance roundrobin\n option httpchk GET /ready\n \
             default-server inter 100ms fall 1 rise 1\n{servers}\
             frontend status\n bind {status}\n stats enable\n stats uri /\n"
        );
        let file = folder.path().join("haproxy.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut haproxy = Command::new(program);
        haproxy.arg("-db").arg("-f").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let balancer = Self { child: haproxy.spawn().unwrap(), address, status, _folder: folder };
        for name in NAMES {
            balancer.until(name, "UP").await;
        }
        balancer
    }

    /// Waits until it thinks so of a gateway.
    async fn until(&self, name: &str, state: &str) {
        let until = deadline();
        let (line, state) = (format!("gateways,{name},"), format!(",{state},"));
        loop {
            if let Ok(reply) = Call::to(self.status, "GET", "/;csv").try_send().await {
                let table = String::from_utf8(reply.body).unwrap();
                if table.lines().any(|row| row.starts_with(&line) && row.contains(&state)) {
                    return;
                }
            }
            pause(until, "the balancer knows how a gateway is").await;
        }
    }
}
