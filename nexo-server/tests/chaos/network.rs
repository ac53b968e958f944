//! F4 and F5: the network between the server and PostgreSQL.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tokio::time::sleep;

use crate::report::Row;
use crate::world::{REQUEST, World};

const CALLERS: usize = 8;

/// How long nothing passes: several times what a request may take, so that each caller
/// meets its end.
const HOLE: Duration = Duration::from_secs(60);

/// What asks PostgreSQL whether it speaks TLS, which it answers with one letter.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

pub(crate) async fn reset(world: &mut World) -> Row {
    let load = world.load(CALLERS).await;
    load.more(50).await;
    // One of the harness's own sees what the server sees of it: a reset, and no end.
    let mut witness = TcpStream::connect(world.proxy.address).await.unwrap();
    witness.write_all(&SSL_REQUEST).await.unwrap();
    witness.read_u8().await.unwrap();
    world.proxy.reset();
    let seen = witness.read_u8().await.map_err(|error| error.kind());
    for _ in 0..6 {
        world.proxy.reset();
        sleep(Duration::from_millis(500)).await;
        load.more(10).await;
    }
    let made = world.proxy.accepted();
    let mut row = world.settle(load).await;
    row.hold(seen == Err(ErrorKind::ConnectionReset), format!("a reset was seen as {seen:?}"));
    row.figure(format!(
        "7 resets (RST) by the harness's proxy; {made} connections since the start"
    ));
    row
}

pub(crate) async fn black_hole(world: &mut World) -> Row {
    // More than there are connections.
    let load = world.load(3 * CALLERS).await;
    load.more(50).await;
    let not_ready = load.not_ready();
    world.proxy.swallow();
    sleep(HOLE).await;
    let told = load.not_ready() - not_ready;
    let refused = load.count("503") + load.count("504");
    world.proxy.heal();
    let mut row = world.settle(load).await;
    row.hold(told > 0, "/ready said yes throughout");
    row.hold(refused > 0, "nobody was refused");
    row.figure(format!(
        "{} s without a byte, by the harness's proxy; {refused} requests refused, each within {} s",
        HOLE.as_secs(),
        REQUEST.as_secs()
    ));
    row
}
