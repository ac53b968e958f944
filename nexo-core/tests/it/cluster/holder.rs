//! Another process that runs a cluster, to be killed: this test binary itself,
//! told by an environment variable to run one "test" that never ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions, EphemeralDir};

const VARIABLE: &str = "NEXO_TEST_HOLD_CLUSTER";
const EPHEMERAL: &str = "ephemeral";
const READY: &str = "cluster ready in ";

/// A process that holds a cluster. It is killed with this value.
pub(super) struct Holder(Child);

impl Holder {
    /// Starts a cluster in `folder` and commits a row to it.
    pub(super) fn persistent(folder: &Path) -> Self {
        Self::new(folder)
    }

    /// Starts a cluster in an ephemeral folder.
    pub(super) fn ephemeral() -> Self {
        Self::new(Path::new(EPHEMERAL))
    }

    fn new(value: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cluster::holder::holds_a_cluster_until_killed", "--nocapture"])
            .env(VARIABLE, value)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits until the cluster is ready and answers its folder.
    pub(super) fn wait_until_ready(&mut self) -> PathBuf {
        for line in BufReader::new(self.0.stdout.take().unwrap()).lines() {
            if let Some((_, folder)) = line.unwrap().split_once(READY) {
                return folder.into();
            }
        }
        panic!("the other process failed");
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test]
async fn holds_a_cluster_until_killed() {
    let Some(value) = std::env::var_os(VARIABLE) else { return };
    let (options, _folder) = if value == EPHEMERAL {
        let folder = EphemeralDir::create().unwrap();
        (ClusterOptions::ephemeral(folder.path()), Some(folder))
    } else {
        (ClusterOptions::persistent(PathBuf::from(value)), None)
    };
    let cluster = Cluster::start(&Binaries::find().unwrap(), &options).await.unwrap();
    let client = super::connect(&cluster.owner_config()).await;
    client
        .batch_execute("create table if not exists kept (v int); delete from kept; insert into kept values (7)")
        .await
        .unwrap();
    println!("{READY}{}", options.folder().display());
    std::future::pending::<()>().await;
}
