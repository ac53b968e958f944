//! More than the server can do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::harness::{User, until_ready};
use crate::load::p99;
use crate::program::Program;
use crate::report::Row;
use crate::resources::memory;
use crate::wire::Wire;
use crate::world::World;

const TIME: Duration = Duration::from_secs(4);

/// Within which time 99 of 100 that are admitted are served.
const ADMITTED: Duration = Duration::from_millis(300);

/// The same of a debug build, which shows no more than that nobody hangs.
const ADMITTED_BY_DEBUG: Duration = Duration::from_secs(3);

/// How many times the capacity is sent, of which less arrives: those who send share the
/// machine with the server.
const WANTED: f64 = 3.5;

/// How many times the capacity makes a flood.
const LEAST_OFFERED: f64 = 3.0;

/// Within which time those after the flood are served as before.
const RECOVERED: Duration = Duration::from_secs(2);

const LARGEST_GROWTH: usize = 64 << 20;

/// From how many addresses they call: one alone gets three quarters of the places.
const ADDRESSES: usize = 4;

/// Times of those that were served, and how many were refused or broken.
#[derive(Default)]
struct Answers {
    served: Vec<Duration>,
    shed: usize,
    odd: Vec<String>,
}

pub(crate) async fn overload(world: &mut World) -> Row {
    let program = Program::spawn(world.server(&["--max-in-flight", "16"])).listening();
    until_ready(program.address).await;
    let user = world.user().await;
    let calm = send(program.address, &user, 8, None).await;
    let capacity = calm.served.len() as f64 / TIME.as_secs_f64();
    let before = memory(program.pid());
    let flood = send(program.address, &user, 150, Some(WANTED * capacity)).await;
    let grown = memory(program.pid()).saturating_sub(before);
    let since = Instant::now();
    until_ready(program.address).await;
    let after = send(program.address, &user, 4, Some(capacity / 4.0)).await;
    let recovered = since.elapsed().saturating_sub(TIME);

    let requests = calm.served.len() + flood.served.len() + flood.shed + after.served.len();
    let mut row = Row { requests, ..Row::default() };
    let offered = (flood.served.len() + flood.shed) as f64 / TIME.as_secs_f64();
    let slow = p99(flood.served.clone());
    row.figure(format!("capacity {capacity:.0}/s, p99 {:.1?}", p99(calm.served.clone())));
    let ratio = offered / capacity;
    row.figure(format!(
        "offered {offered:.0}/s, ×{ratio:.1}: {} served with p99 {slow:.1?}, {} refused, {} MiB more",
        flood.served.len(),
        flood.shed,
        grown >> 20
    ));
    row.figure(format!("after it {} refused, {recovered:.1?} to recover", after.shed));
    for answers in [&calm, &flood, &after] {
        row.hold(answers.odd.is_empty(), format!("replies were {:?}", answers.odd.first()));
    }
    row.hold(!flood.served.is_empty(), "nobody was served");
    row.hold(flood.shed > 0, "nobody was refused");
    row.hold(after.shed == 0, format!("{} refused after the flood", after.shed));
    row.hold(recovered < RECOVERED, format!("it took {recovered:.1?} to recover"));
    row.hold(grown < LARGEST_GROWTH, format!("it took {} MiB more", grown >> 20));
    let is_optimised = !cfg!(debug_assertions);
    let most = if is_optimised { ADMITTED } else { ADMITTED_BY_DEBUG };
    row.hold(slow < most, format!("p99 of those admitted is {slow:.1?}"));
    if is_optimised {
        row.hold(ratio >= LEAST_OFFERED, format!("only {ratio:.1} times the capacity was offered"));
    } else {
        row.figure(format!(
            "a debug build is not judged by what was offered, and by a p99 of {most:?} alone"
        ));
    }
    row
}

/// Callers who read lists, at a rate whatever the answers, or one after the other.
async fn send(at: SocketAddr, user: &User, callers: usize, rate: Option<f64>) -> Answers {
    let started = tokio::time::Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let request = format!(
            "GET /api/clients?limit=20 HTTP/1.1\r\nhost: nexo.test\r\nauthorization: Bearer {}\r\n\r\n",
            user.token
        );
        let every = rate.map(|rate| Duration::from_secs_f64(callers as f64 / rate));
        tasks.spawn(async move {
            let mut answers = Answers::default();
            let connect = || Wire::connect_from(source(number), at);
            let mut wire = connect().await;
            let mut due =
                started + every.unwrap_or_default().mul_f64(number as f64 / callers as f64);
            while started.elapsed() < TIME {
                if let Some(every) = every {
                    sleep_until(due).await;
                    due += every;
                }
                let sent = Instant::now();
                wire.send_unheeded(&request).await;
                match timeout(Duration::from_secs(20), wire.try_reply(true)).await {
                    Ok(Ok(reply)) if reply.status == 200 => answers.served.push(sent.elapsed()),
                    Ok(Ok(reply))
                        if reply.status == 503 && reply.header("retry-after").is_some() =>
                    {
                        answers.shed += 1;
                        if reply.header("connection") == Some("close") {
                            wire = connect().await;
                        }
                    }
                    Ok(Ok(reply)) => answers.odd.push(format!("{}", reply.status)),
                    Ok(Err(error)) => {
                        answers.odd.push(error);
                        wire = connect().await;
                    }
                    Err(_) => answers.odd.push("none in 20 s".to_owned()),
                }
            }
            answers
        });
    }
    let mut all = Answers::default();
    while let Some(answers) = tasks.join_next().await {
        let answers = answers.unwrap();
        all.served.extend(answers.served);
        all.shed += answers.shed;
        all.odd.extend(answers.odd);
    }
    all
}

/// One of this machine's addresses.
fn source(number: usize) -> SocketAddr {
    let last = u8::try_from(1 + number % ADDRESSES).unwrap();
    ([127, 0, 0, last], 0).into()
}
