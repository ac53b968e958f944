//! The private cluster, made, stopped, killed and started again for real.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nexo_core::cluster::{Binaries, Cluster, ClusterError, ClusterOptions};
use nexo_core::tokio_postgres::{Client, Config, NoTls};
use tempfile::TempDir;

mod faults;
mod holder;
mod lifecycle;
mod process;
mod refusals;

/// A folder that PostgreSQL's user may pass through, whatever the umask.
fn temp() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

async fn start(folder: &Path) -> Cluster {
    try_start(folder).await.unwrap()
}

async fn try_start(folder: &Path) -> Result<Cluster, ClusterError> {
    Cluster::start(&Binaries::find()?, &ClusterOptions::persistent(folder)).await
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Commits a row that must be there ever after.
async fn commit(cluster: &Cluster) {
    let client = connect(&cluster.owner_config()).await;
    client.batch_execute("create table kept (v int); insert into kept values (7)").await.unwrap();
}

async fn committed(cluster: &Cluster) -> i32 {
    let client = connect(&cluster.owner_config()).await;
    client.query_one("select v from kept", &[]).await.unwrap().get(0)
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "still not so after a minute: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn stagings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().contains("postgres.new")).collect()
}
