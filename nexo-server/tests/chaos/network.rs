//! F4 and F5: the network between the server and PostgreSQL.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tokio::time::sleep;

use crate::readiness;
use crate::report::Row;
use crate::world::{REQUEST, World};

const CALLERS: usize = 8;

/// How often all connections are reset.
const RESETS: usize = 7;

/// How many connections a reset may cost: two for each caller and some for probes, and not
/// one for each attempt that is made over and over.
const MOST_MADE: usize = 2 * CALLERS + 4;

/// How long nothing passes: several times what a request may take, so that each caller
/// meets its end.
const HOLE: Duration = Duration::from_secs(60);

/// What asks PostgreSQL whether it speaks TLS, which it answers with one letter.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

pub(crate) async fn reset(world: &mut World) -> Row {
    let load = world.load(CALLERS).await;
    load.more(50).await;
    // One of the harness's own sees what the server sees of it: a reset, and no end.
    let mut witness = TcpStream::connect(world.proxy.address()).await.unwrap();
    witness.write_all(&SSL_REQUEST).await.unwrap();
    witness.read_u8().await.unwrap();
    let (before, failed) = (world.proxy.accepted(), load.failed());
    world.proxy.reset();
    let seen = witness.read_u8().await.map_err(|error| error.kind());
    for _ in 1..RESETS {
        world.proxy.reset();
        sleep(Duration::from_millis(500)).await;
        load.more(10).await;
    }
    let (made, failed) = (world.proxy.accepted() - before, load.failed() - failed);
    let mut row = world.settle(load).await;
    row.hold(
        failed <= RESETS * CALLERS,
        format!("{failed} requests of {CALLERS} callers failed in {RESETS} resets"),
    );
    row.hold(made <= RESETS * MOST_MADE, format!("{made} connections made after {RESETS} resets"));
    row.hold(seen == Err(ErrorKind::ConnectionReset), format!("a reset was seen as {seen:?}"));
    row.figure(format!(
        "{RESETS} resets (RST) by the harness's proxy: {failed} requests failed, and {made} \
         connections were made"
    ));
    row
}

pub(crate) async fn black_hole(world: &mut World) -> Row {
    // More than there are connections.
    let load = world.load(3 * CALLERS).await;
    load.more(50).await;
    let not_ready = load.not_ready();
    world.proxy.swallow();
    let mut row = Row::default();
    readiness::says_no(world, HOLE, &mut row).await;
    let told = load.not_ready() - not_ready;
    let refused = load.count("503");
    world.proxy.heal();
    row.merge(world.settle(load).await);
    row.hold(told > 0, "/ready said yes throughout");
    row.hold(refused > 0, "nobody was refused");
    row.figure(format!(
        "{} s in which the kernel lost every packet to PostgreSQL; {refused} requests refused, each \
         within {} s",
        HOLE.as_secs(),
        REQUEST.as_secs()
    ));
    row
}
