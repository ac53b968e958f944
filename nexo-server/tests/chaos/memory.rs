//! F22 for memory: what becomes of a server whose next allocation fails.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nexo_core::testing::PASSWORD;
use serde_json::json;
use tokio::task::JoinSet;

use crate::component::installed;
use crate::harness::{Call, User, until_ready};
use crate::load::Load;
use crate::process::{deadline, is_alive, pause};
use crate::program::Program;
use crate::report::Row;
use crate::stored;
use crate::wire::{Reply, Wire};
use crate::world::{REQUEST, World};

const MIB: u64 = 1 << 20;

/// How often somebody tries to log in while no password can be hashed; fewer than the
/// attempts that are free.
const LOGINS: usize = 6;

/// For how long a runtime keeps a thread that it has made for a time, and a little.
const IDLE_THREADS: Duration = Duration::from_secs(12);

/// One heap, which takes memory from the system in steps of 16 MiB, so that what requests
/// need is there; and whatever is larger than 1 MiB asks the system.
const HEAP: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_TOP_PAD_", "16777216"),
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
];

pub(crate) async fn exhausted(world: &mut World) -> Row {
    let Some(prlimit) = installed("prlimit") else {
        return Row::skipped("prlimit is not installed: it is part of util-linux");
    };
    let mut row = no_room(world, &prlimit).await;
    row.merge(aborted(world, &prlimit).await);
    row
}

fn server(world: &World, listen: &str) -> Program {
    let mut command = world.server(&["--pool-size", "4"]);
    command.envs(HEAP).env("NEXO_LISTEN", listen);
    Program::spawn(command).listening()
}

/// Argon2's 19 MiB cannot be had, nor a thread.
async fn no_room(world: &mut World, prlimit: &Path) -> Row {
    let program = server(world, "127.0.0.1:0");
    until_ready(program.address).await;
    let (pid, ada) = (program.pid(), world.user().await);
    let limit = Limit { program: prlimit.to_owned(), pid };
    let load = Load::start(program.address, [world.user().await, world.user().await], 8, REQUEST)
        .that_may_end();
    load.more(100).await;
    assert_eq!(login(&program, &ada).await.unwrap().status, 200);

    // Room for a thread, and for no hash.
    limit.leave(8 * MIB);
    let mut logins = JoinSet::new();
    for _ in 0..LOGINS {
        logins.spawn(login(&program, &ada));
    }
    let mut row = Row::default();
    for reply in logins.join_all().await {
        // Never that the password is wrong: it is not.
        let reply = reply.unwrap();
        let told = (reply.status, reply.problem());
        row.hold(
            told == (503, "overloaded".to_owned()) && reply.header("retry-after").is_some(),
            format!("a log-in without memory was told {told:?}"),
        );
    }
    load.more(50).await;

    // Room for no thread either, when none of the runtime's is left over.
    tokio::time::sleep(IDLE_THREADS).await;
    limit.leave(MIB);
    let without = login(&program, &ada).await.unwrap();
    load.more(50).await;
    limit.lift();
    let told = (without.status, without.problem());
    row.hold(
        told == (503, "overloaded".to_owned()),
        format!("a log-in without room for a thread was told {told:?}"),
    );
    let after = login(&program, &ada).await.unwrap();
    row.hold(after.status == 200, format!("a log-in after it was told {}", after.status));
    row.merge(stored::check(&world.superuser().await, load.finish().await).await);
    row.hold(is_alive(pid), "it ended");
    row.requests += LOGINS + 3;
    row.figure(format!(
        "{LOGINS} log-ins without 19 MiB: 503 each, and requests of others went on"
    ));
    let log = tokio::task::spawn_blocking(move || program.stop()).await.unwrap();
    row.hold(!log.contains("panicked"), "it panicked");
    row
}

/// What is too small to be asked for with care ends the process, as Rust does; whoever
/// looks after it starts it again, and nothing that was acknowledged is lost.
async fn aborted(world: &mut World, prlimit: &Path) -> Row {
    let program = server(world, "127.0.0.1:0");
    until_ready(program.address).await;
    let (eve, address) = (world.user().await, program.address);
    let create = |number: usize| {
        let body = json!({ "name": format!("kept {number}") });
        let call = Call::to(address, "POST", "/api/clients").by(&eve).json(&body);
        call.header("idempotency-key", &format!("kept-{number}")).send()
    };
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(create(number).await.json()["id"].clone());
    }
    Limit { program: prlimit.to_owned(), pid: program.pid() }.leave(0);
    // Bodies that are read, and never whole.
    let mut bodies = Vec::new();
    let until = deadline();
    while is_alive(program.pid()) {
        if let Ok(mut wire) = Wire::try_connect(address).await {
            wire.send_unheeded(large(&eve)).await;
            bodies.push(wire);
        }
        pause(until, "there is no memory left").await;
    }
    let (status, _, log) = tokio::task::spawn_blocking(move || program.end()).await.unwrap();
    let mut row = Row { requests: 40, acknowledged: ids.len(), ..Row::default() };
    row.hold(
        status.signal() == Some(6) && log.contains("memory allocation of"),
        format!("it ended with {status}"),
    );
    let again = server(world, &address.to_string());
    until_ready(again.address).await;
    for (number, id) in ids.iter().enumerate() {
        row.lost += usize::from(create(number).await.json()["id"] != *id);
    }
    row.hold(row.lost == 0, format!("{} acknowledged writes are lost", row.lost));
    row.figure(format!(
        "{} bodies of 1 MiB later an allocation ends the process ({status}); started again, it has all",
        bodies.len()
    ));
    row
}

fn login(program: &Program, user: &User) -> impl Future<Output = Result<Reply, String>> + use<> {
    let body = json!({ "email": user.email, "password": PASSWORD });
    program.post("/api/auth/login", &body).try_send()
}

/// The beginning of a request with a body of a mebibyte, and nearly all of that.
fn large(user: &User) -> String {
    format!(
        "POST /api/clients HTTP/1.1\r\nhost: nexo.test\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1048576\r\n\r\n{}",
        user.token,
        " ".repeat(1_048_000)
    )
}

/// The addresses that a process may have.
struct Limit {
    program: PathBuf,
    pid: u32,
}

impl Limit {
    /// So many bytes more than it has now.
    fn leave(&self, bytes: u64) {
        self.set(&(1024 * status(self.pid, "VmSize:") + bytes).to_string());
    }

    fn lift(&self) {
        self.set("unlimited");
    }

    fn set(&self, most: &str) {
        let mut prlimit = Command::new(&self.program);
        prlimit.args(["--pid", &self.pid.to_string(), &format!("--as={most}:unlimited")]);
        assert!(prlimit.status().unwrap().success());
    }
}

fn status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
