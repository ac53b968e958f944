//! F16: the server's clock is not the database's.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::component::installed;
use crate::harness::{User, until_ready};
use crate::process::is_alive;
use crate::program::Program;
use crate::report::Row;
use crate::world::World;

/// What `FAKETIME` takes, the seconds that it means, and whether a token of a moment ago is good by that clock.
const CLOCKS: [(&str, i64, bool); 6] = [
    ("+3s", 3, true),
    ("-3s", -3, true),
    ("+2m", 120, true),
    ("-2m", -120, false),
    ("+1d", 86_400, false),
    ("-1d", -86_400, false),
];

pub(crate) async fn skewed(world: &mut World) -> Row {
    let Some(faketime) = installed("faketime") else {
        return Row::skipped("faketime is not installed: sh scripts/install-test-components.sh");
    };
    let library = library(&faketime);
    let mut row = Row::default();
    for (clock, seconds, good) in CLOCKS {
        let mut command = world.server(&[]);
        command
            .env("LD_PRELOAD", &library)
            .env("FAKETIME", clock)
            // What has passed since is measured by another clock, which nobody sets.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let other = Program::spawn(command).listening();
        until_ready(other.address).await;
        let shown = other.get("/nowhere").send().await.json()["timestamp"].to_string();
        let shown: Timestamp = shown.trim_matches('"').parse().unwrap();
        let off = shown.as_second() - Timestamp::now().as_second();
        assert!((off - seconds).abs() <= 2, "the clock is off by {off} s at {clock}");
        let user = world.user().await;
        let list = other.get("/api/clients").by(&user).send().await;
        let told = if list.status == 200 { "200".to_owned() } else { list.problem() };
        let defined = match good {
            true => list.status == 200,
            // By its clock the token is not good yet, or not any more.
            false => list.status == 401,
        };
        row.hold(defined, format!("{clock}: a token was told {told}"));

        // The database has made it and decides when it ends, whatever the server thinks.
        let body = json!({ "refresh_token": user.refresh_token });
        let refreshed = other.post("/api/auth/refresh", &body).send().await;
        row.hold(
            refreshed.status == 200,
            format!("{clock}: refresh was told {}", refreshed.status),
        );
        if refreshed.status == 200 {
            let body = refreshed.json();
            let expires = body["expires_in"].as_i64().unwrap_or(-1);
            row.hold(expires > 0, format!("{clock}: expires_in is {expires}"));
            let token = body["access_token"].as_str().unwrap();
            // By the clock that made it, it is good.
            for call in [
                other.get("/api/clients"),
                other.post("/api/clients", &json!({ "name": format!("at {clock}") })),
            ] {
                let reply = call.bearer(token).send().await;
                row.hold(reply.status < 300, format!("{clock}: its own token: {}", reply.status));
            }
        }
        let keys = ends(world, &other, &user).await;
        row.hold(keys == [200, 401], format!("{clock}: keys were told {keys:?}"));
        row.requests += 6;
        row.figure(format!(
            "{clock}: another server's token is told {told}; a key that ends in an hour by the \
             database's clock, and one that has ended: {keys:?}"
        ));
        row.hold(is_alive(other.pid()), format!("{clock}: it ended"));
        let log = tokio::task::spawn_blocking(move || other.stop()).await.unwrap();
        row.hold(!log.contains("panicked"), format!("{clock}: it panicked"));
    }
    row
}

/// What a key is told that ends in an hour by the database's clock, and one that ended an
/// hour ago, whatever the server's clock says of the two.
async fn ends(world: &World, other: &Program, user: &User) -> [u16; 2] {
    let mut told = [0; 2];
    for (told, end) in told.iter_mut().zip(["+ interval '1 hour'", "- interval '1 hour'"]) {
        let new = json!({ "name": "a key", "permissions": ["client:read"] });
        let made = world.program.post("/api/keys", &new).by(user).send().await;
        assert_eq!(made.status, 201, "{}", made.json());
        let key = made.json();
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let set = format!(
            "update nexo.api_keys set created_at = now() - interval '2 hours',
                 expires_at = now() {end} where id = '{}'",
            text("id")
        );
        world.superuser().await.batch_execute(&set).await.unwrap();
        *told = other.get("/api/clients").bearer(&text("secret")).send().await.status;
    }
    told
}

/// What is loaded before the program. The program `faketime` would stand between it and
/// its signals.
pub(crate) fn library(faketime: &Path) -> String {
    let shown = std::process::Command::new(faketime)
        .args(["-f", "+0s", "sh", "-c", "echo $LD_PRELOAD"])
        .output()
        .unwrap();
    let preload = String::from_utf8(shown.stdout).unwrap().trim().to_owned();
    assert!(preload.contains("libfaketime"), "{preload}");
    // The one for programs with threads is beside it.
    preload.replace("libfaketime.so", "libfaketimeMT.so")
}
