//! Under a load of writes, everything is killed once.

use super::log_in;
use super::writers::Writers;
use crate::process::{
    Folder, alive, deadline, descendants, eventually, is_alive, kill_9, pause, postmaster,
};
use crate::program::Program;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kill_9_of_the_server() {
    let folder = Folder::new();
    let program = Program::keeping(&folder);
    let user = program.register("ada").await;
    let writers = Writers::start(program.address, &user);
    writers.more(50).await;
    let family = descendants(program.pid());
    let pid = postmaster(&folder).unwrap();
    assert!(family.contains(&pid));
    program.kill();
    let written = writers.ended().await;

    // At once, while the old PostgreSQL may still be stopping.
    let program = Program::keeping(&folder);
    assert!(!is_alive(pid), "two servers of PostgreSQL");
    eventually("nothing is left of the old one", || alive(&family).is_empty()).await;
    written.check(&program, &user).await;
    let again = log_in(&program, &user).await;
    written.check(&program, &again).await;
    program.stop();
}

/// Who of a PostgreSQL is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Postmaster,
    All,
    /// PostgreSQL restarts itself then.
    OneChild,
}

/// Kills and answers who will be gone for that.
fn kill(victim: Victim, postmaster: u32) -> Vec<u32> {
    let children = descendants(postmaster);
    let all = [vec![postmaster], children.clone()].concat();
    match victim {
        Victim::Postmaster => kill_9(&all[..1]),
        Victim::All => kill_9(&all),
        Victim::OneChild => {
            kill_9(&children[..1]);
            return children[..1].to_vec();
        }
    }
    all
}

/// Waits until every process of before has gone, with the server alive and
/// honest throughout.
async fn gone(program: &Program, old: &[u32]) {
    let deadline = deadline();
    loop {
        let health = program.get("/health").send().await;
        assert_eq!(health.status, 200);
        let ready = program.get("/ready").send().await;
        if ready.status != 200 {
            assert_eq!((ready.status, ready.problem().as_str()), (503, "unavailable"));
        }
        if alive(old).is_empty() {
            return;
        }
        pause(deadline, "the killed ones are gone").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_after_kill_9_of_postgresql() {
    let folder = Folder::new();
    let program = Program::keeping(&folder);
    let user = program.register("ada").await;
    let writers = Writers::start(program.address, &user);
    for victim in [Victim::Postmaster, Victim::All, Victim::OneChild, Victim::Postmaster] {
        writers.more(50).await;
        let pid = postmaster(&folder).unwrap();
        let old = kill(victim, pid);
        gone(&program, &old).await;
        writers.more(50).await;
        let same = postmaster(&folder) == Some(pid);
        assert_eq!(same, victim == Victim::OneChild, "{victim:?}");
    }
    let written = writers.finish().await;
    assert!(written.cut.is_empty(), "requests without an answer: {:?}", written.cut);
    written.check(&program, &user).await;
    let again = log_in(&program, &user).await;
    written.check(&program, &again).await;
    assert_eq!(program.get("/ready").send().await.status, 200);
    program.stop();
}
